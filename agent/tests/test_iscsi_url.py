"""URLs of logical units, in libiscsi's form."""

from __future__ import annotations

import pytest

from threepce.agent.transports.iscsi_url import BadIscsiUrl, IscsiUrl, split_portal
from threepce.scsi.iscsi.chap import ChapSecrets

IQN = "iqn.2026-01.example:disk"
ENVIRONMENT = {
    "LIBISCSI_CHAP_USERNAME": "me",
    "LIBISCSI_CHAP_PASSWORD": "secret",
    "LIBISCSI_CHAP_TARGET_USERNAME": "san",
    "LIBISCSI_CHAP_TARGET_PASSWORD": "other",
}


def parse(text: str, environment: dict[str, str] | None = None) -> IscsiUrl:
    return IscsiUrl.parse(text, environment or {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"iscsi://host/{IQN}/0", IscsiUrl("host", 3260, IQN, 0)),
        (f"iscsi://192.0.2.1:3261/{IQN}/16383", IscsiUrl("192.0.2.1", 3261, IQN, 16383)),
        (f"iscsi://[2001:db8::1]:3261/{IQN}/1", IscsiUrl("2001:db8::1", 3261, IQN, 1)),
        (f"iscsi://[fe80::1%eth0]/{IQN}/1", IscsiUrl("fe80::1%eth0", 3260, IQN, 1)),
        ("iscsi://host/iqn.2026-01.example%3Adisk/1", IscsiUrl("host", 3260, IQN, 1)),
        (f"iscsi://me%secret@host/{IQN}/0", IscsiUrl("host", 3260, IQN, 0, ChapSecrets("me", b"secret"))),
        (f"iscsi://me:secret@host/{IQN}/0", IscsiUrl("host", 3260, IQN, 0, ChapSecrets("me", b"secret"))),
        (f"iscsi://me%s%e@c@host/{IQN}/0", IscsiUrl("host", 3260, IQN, 0, ChapSecrets("me", b"s%e@c"))),
        (
            f"iscsi://me%secret@host/{IQN}/0?target_user=san&target_password=other",
            IscsiUrl("host", 3260, IQN, 0, ChapSecrets("me", b"secret", "san", b"other")),
        ),
        (f"iscsi://host/{IQN}/0?header_digest=crc32c", IscsiUrl("host", 3260, IQN, 0, None, True)),
        (f"iscsi://host/{IQN}/0?header_digest=none", IscsiUrl("host", 3260, IQN, 0, None, False)),
    ],
)
def test_what_an_url_names(text: str, expected: IscsiUrl) -> None:
    assert expected == parse(text)


def test_passwords_may_come_from_the_environment() -> None:
    mutual = ChapSecrets("me", b"secret", "san", b"other")

    assert mutual == parse(f"iscsi://host/{IQN}/0", ENVIRONMENT).secrets
    assert mutual == parse(f"iscsi://me@host/{IQN}/0", ENVIRONMENT).secrets
    assert (
        ChapSecrets("you", b"x", "san", b"other") == parse(f"iscsi://you%x@host/{IQN}/0", ENVIRONMENT).secrets
    )
    assert parse(f"iscsi://host/{IQN}/0", {"LIBISCSI_CHAP_USERNAME": "me"}).secrets is None


def test_no_text_of_an_url_shows_a_password() -> None:
    url = parse(f"iscsi://me%secret@host/{IQN}/0?target_user=san&target_password=other")

    assert str(url) == f"iscsi://host:3260/{IQN}/0"
    assert "'secret'" not in repr(url)
    assert "other" not in repr(url)
    assert "[2001:db8::1]:3260" == parse(f"iscsi://[2001:db8::1]/{IQN}/0").portal
    assert parse(f"iscsi://host/{IQN}/0").at("there", 5).with_lun(3).portal == "there:5"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"http://host/{IQN}/0", "does not begin with iscsi://"),
        (f"iscsi://host:port/{IQN}/0", "'host:port' is no host[:port]"),
        (f"iscsi:///{IQN}/0", "'' is no host[:port]"),
        (f"iscsi://host:0/{IQN}/0", "port 0 is not within 1 to 65535"),
        (f"iscsi://host:65536/{IQN}/0", "port 65536"),
        ("iscsi://host", "names no target"),
        ("iscsi://host//0", "names no target"),
        (f"iscsi://host/{IQN}", "its LUN '' is no number from 0 to 16383"),
        (f"iscsi://host/{IQN}/x", "its LUN 'x'"),
        (f"iscsi://host/{IQN}/16384", "its LUN '16384'"),
        (f"iscsi://@host/{IQN}/0", "there is no user before @"),
        (f"iscsi://me@host/{IQN}/0", "user me has no password; give one, or set LIBISCSI_CHAP_PASSWORD"),
        (f"iscsi://host/{IQN}/0?lun=3", "option 'lun' is not one of header_digest, target_user, target_password"),
        (f"iscsi://host/{IQN}/0?target_user", "option 'target_user' is not one of"),
        (f"iscsi://host/{IQN}/0?header_digest=md5", "header_digest=md5 is neither crc32c nor none"),
        (f"iscsi://host/{IQN}/0?target_user=san&target_password=other", "to no user"),
        (f"iscsi://me%secret@host/{IQN}/0?target_user=san", "target_user and target_password belong together"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_form(text: str, why: str) -> None:
    with pytest.raises(BadIscsiUrl) as raised:
        parse(text)

    said = str(raised.value)
    assert why in said
    assert said.endswith("expected iscsi://[user[%password]@]host[:port]/target-name/lun")
    assert "secret" not in said.replace("host[:port]", "")


@pytest.mark.parametrize(
    "text", ["iscsi://me%secret@host", "iscsi://me:secret@host/x", "iscsi://h/x/y?target_password=secret"]
)
def test_a_message_hides_the_password(text: str) -> None:
    with pytest.raises(BadIscsiUrl) as raised:
        parse(text)

    assert "secret" not in str(raised.value)


def test_a_portal_alone() -> None:
    assert ("host", 3260) == split_portal("host")
    assert ("::1", 1) == split_portal("[::1]:1")
