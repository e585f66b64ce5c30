"""The name of a logical unit behind an iSCSI portal, in the form that libiscsi has for it.

    iscsi://[user[%password]@]host[:port]/target-name/lun[?option=value[&...]]

The options are libiscsi's: `header_digest` (crc32c or none), and `target_user` and
`target_password`, with which the target proves itself. The environment variables of libiscsi's
that hold names and passwords are read as well, so that a password need not stand in a command.
This module opens nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import unquote

from threepce.scsi.iscsi.chap import ChapSecrets

__all__ = ["DEFAULT_PORT", "FORM", "SCHEME", "BadIscsiUrl", "IscsiUrl", "split_portal", "without_password"]

SCHEME = "iscsi://"
FORM = "iscsi://[user[%password]@]host[:port]/target-name/lun"
DEFAULT_PORT = 3260
"""RFC 7143 4.2.7.1."""

LAST_LUN = 0x3FFF
OPTIONS = ("header_digest", "target_user", "target_password")
DIGESTS = {"none": False, "crc32c": True}
VARIABLE = "LIBISCSI_CHAP_"
# In an URL an IPv6 address stands in brackets, in a TargetAddress too (RFC 7143 13.8).
_PORTAL = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[0-9A-Za-z._-]+)?)\]|(?P<host>[^:/\[\]@]+))(?::(?P<port>[0-9]+))?\Z",
    re.ASCII,
)


class BadIscsiUrl(ValueError):
    """A text that names no logical unit; says what is wrong with it, and shows no password."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{without_password(url)}: {why}; expected {FORM}")


@dataclass(frozen=True, slots=True)
class IscsiUrl:
    """A logical unit. Its text has no password, so it can be shown and kept."""

    host: str
    port: int
    target_name: str
    lun: int
    secrets: ChapSecrets | None = None
    header_digest: bool | None = None
    """None leaves it to the target."""

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> Self:
        """Read an URL. Raises BadIscsiUrl."""
        if not text.startswith(SCHEME):
            raise BadIscsiUrl(text, f"does not begin with {SCHEME}")
        rest, _, query = text.removeprefix(SCHEME).partition("?")
        login, at, rest = rest.rpartition("@")
        place, _, path = rest.partition("/")
        target, _, number = path.partition("/")
        try:
            host, port = split_portal(place)
        except ValueError as error:
            raise BadIscsiUrl(text, str(error)) from None
        if not target:
            raise BadIscsiUrl(text, "names no target")
        if not re.fullmatch("[0-9]{1,5}", number, re.ASCII) or int(number) > LAST_LUN:
            raise BadIscsiUrl(text, f"its LUN {number!r} is no number from 0 to {LAST_LUN}")
        options = _options(text, query)
        digest = options.get("header_digest")
        if digest is not None and digest.lower() not in DIGESTS:
            raise BadIscsiUrl(text, f"header_digest={digest} is neither crc32c nor none")
        return cls(
            host,
            port,
            unquote(target),
            int(number),
            _secrets(text, login if at else None, options, environment),
            None if digest is None else DIGESTS[digest.lower()],
        )

    @property
    def portal(self) -> str:
        """Host and port as one writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def with_lun(self, lun: int) -> Self:
        """Another logical unit of the same target."""
        return replace(self, lun=lun)

    def at(self, host: str, port: int) -> Self:
        """The same unit behind another portal."""
        return replace(self, host=host, port=port)

    def __str__(self) -> str:
        return f"{SCHEME}{self.portal}/{self.target_name}/{self.lun}"


def split_portal(text: str) -> tuple[str, int]:
    """Host and port of `host[:port]`. Raises ValueError."""
    match = _PORTAL.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no host[:port]")
    port = int(match["port"] or DEFAULT_PORT)
    if not 0 < port < 1 << 16:
        raise ValueError(f"port {port} is not within 1 to 65535")
    return match["six"] or match["host"], port


def _options(url: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for item in query.split("&") if query else ():
        name, equals, value = item.partition("=")
        if name not in OPTIONS or not equals:
            raise BadIscsiUrl(url, f"option {name!r} is not one of {', '.join(OPTIONS)}, each with a value")
        options[name] = value
    return options


def _secrets(
    url: str, login: str | None, options: Mapping[str, str], environment: Mapping[str, str]
) -> ChapSecrets | None:
    user, password = environment.get(f"{VARIABLE}USERNAME", ""), environment.get(f"{VARIABLE}PASSWORD", "")
    if login is not None:
        user, separator, own = login.partition("%")
        if not separator:
            user, separator, own = login.partition(":")  # libiscsi takes it as well
        password = own if separator else password
        if not user:
            raise BadIscsiUrl(url, "there is no user before @")
        if not password:
            raise BadIscsiUrl(url, f"user {user} has no password; give one, or set {VARIABLE}PASSWORD")
    target_user = options.get("target_user", environment.get(f"{VARIABLE}TARGET_USERNAME", ""))
    target_password = options.get("target_password", environment.get(f"{VARIABLE}TARGET_PASSWORD", ""))
    if not user or not password:
        if "target_user" in options or "target_password" in options:
            raise BadIscsiUrl(url, "the target is to prove itself to no user; name one before the host")
        return None
    if bool(target_user) != bool(target_password):
        raise BadIscsiUrl(url, "target_user and target_password belong together")
    return ChapSecrets(user, password.encode(), target_user, target_password.encode())


def without_password(url: str) -> str:
    """A text in which no password of an URL can be read any more, whether it is right or wrong."""
    hidden = re.sub(r"(?<=//)([^/@%:]*)[%:][^/]*@", r"\1%...@", url)
    return re.sub(r"(?<=target_password=)[^&]*", "...", hidden)
