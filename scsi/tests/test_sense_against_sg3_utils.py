"""Sense data that we encode, read by sg_decode_sense of the sg3_utils package."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

from threepce.scsi.additional_sense import AdditionalSense, _names
from threepce.scsi.sense import DeviceSense, FieldPointer, Sense, SenseKey
from threepce.scsi.sense_parts import PROGRESS_KEYS, RETRY_KEYS

Read = Callable[[bytes], str]

SENSES, BATCH = 500, 25
KEYS = {"VENDOR SPECIFIC(9)": "VENDOR SPECIFIC"}
"""sg_decode_sense puts the number of a vendor's key behind it."""


@pytest.fixture(scope="session")
def read() -> Read:
    """What sg_decode_sense says, spaces made one. Its absence is a failure, not a skip."""
    program = shutil.which("sg_decode_sense")

    def run(sense: bytes) -> str:
        if program is None:
            pytest.fail(
                "sg_decode_sense is missing: this test compares with an independent decoder. "
                "Install the package sg3-utils (Debian) or sg3_utils (Fedora, SUSE).",
                pytrace=False,
            )
        hexadecimal = [f"{byte:02x}" for byte in sense]
        done = subprocess.run([program, *hexadecimal], capture_output=True, text=True, check=True, timeout=30)
        return " ".join(done.stdout.split())

    return run


def generated(seed: int) -> Sense:
    """One of the senses a copy manager may give, always the same for a seed."""
    pick = random.Random(seed)
    key = pick.choice([SenseKey.COPY_ABORTED, SenseKey.ILLEGAL_REQUEST, *SenseKey])
    copy = key == SenseKey.COPY_ABORTED
    pointer = None
    if key in (SenseKey.COPY_ABORTED, SenseKey.ILLEGAL_REQUEST) and pick.random() < 0.8:
        pointer = FieldPointer(
            pick.randrange(0x10000),
            pick.choice([None, pick.randrange(8)]),
            command=not copy and pick.random() < 0.5,
            segment=copy and pick.random() < 0.5,
        )
    # An embedded answer is a sense of its own to sg_decode_sense, so its text is kept out of the way.
    device = DeviceSense(pick.choice([0x08, 0x18, 0x28])) if copy and pick.random() < 0.5 else None
    # With ATA PASS THROUGH INFORMATION AVAILABLE it reads the other bytes as registers of a disk.
    codes = [code for code in _names()[0] if code not in ((0x00, 0x00), (0x00, 0x1D))]
    return Sense(
        key=key,
        code=AdditionalSense(*pick.choice(codes)),
        information=pick.choice([None, pick.randrange(1, 1 << 32)]),
        command_specific=pick.randrange(1 << 16) if copy else None,
        pointer=pointer,
        filemark=pick.random() < 0.2,
        eom=pick.random() < 0.2,
        ili=pick.random() < 0.2,
        deferred=pick.random() < 0.2,
        sdat_ovfl=pick.random() < 0.2,
        field_replaceable_unit=pick.choice([0, pick.randrange(256)]),
        progress=pick.randrange(0x10000) if key in PROGRESS_KEYS and pick.random() < 0.5 else None,
        retries=pick.randrange(0x10000) if key in RETRY_KEYS and pick.random() < 0.5 else None,
        queue_overflow=key == SenseKey.UNIT_ATTENTION and pick.random() < 0.5,
        source=device if pick.random() < 0.5 else None,
        destination=device,
    )


def pointer_in_words(sense: Sense) -> str:
    """The pointer as sg_decode_sense puts it."""
    if sense.pointer is None:
        return ""
    bit = "" if sense.pointer.bit is None else f" bit {sense.pointer.bit}"
    if sense.key == SenseKey.COPY_ABORTED:
        of = "segment descriptor" if sense.pointer.segment else "parameter list"
        return f"Segment pointer: Relative to start of {of}, byte {sense.pointer.byte}{bit}"
    of = "Command" if sense.pointer.command else "Data parameters"
    return f"Error in {of}: byte {sense.pointer.byte}{bit}"


def found(pattern: str, text: str) -> str:
    """What a pattern's group matched, nothing where it does not match."""
    match = re.search(pattern, text)
    return match[1] if match else ""


def check_what_both_formats_share(sense: Sense, text: str) -> None:
    """Key, current or deferred, code, and pointer."""
    key = found(r"Sense key: (.*?)(?: <<<.*?>>>)? Additional sense:", text).upper()
    code = found(
        r"Additional sense: (.*?)(?: FMK| EOM| ILI| Info| Sense| Segment| Descr| Field| Actual| Progress| Unit a"
        r"| Error in| >>|$)",
        text,
    )
    progress = found(r"Progress indication: ([\d.]+)%", text)
    retries = found(r"[Rr]etry count: (\w+)", text)
    unit = found(r"Field replaceable unit code: (\w+)", text)

    assert sense.deferred == ("<<<deferred>>>" in text)
    assert isinstance(sense.key, SenseKey)
    assert sense.key.text == KEYS.get(key, key)
    assert sense.code.text == code.upper()
    assert (sense.progress is None) == (not progress)
    assert float(progress or 0) == pytest.approx((sense.progress or 0) * 100 / 65536, abs=0.02)
    assert sense.retries == (int(retries, 0) if retries else None)
    assert sense.field_replaceable_unit == int(unit or "0", 0)
    assert sense.sdat_ovfl == ("SDAT_OVFL" in text)
    assert ("1" if sense.queue_overflow else "") == found(r"overflow flag is (\d)", text)
    assert pointer_in_words(sense) == found(r"((?:Error in|Segment pointer:) .*?byte \d+(?: bit \d)?)", text)


@pytest.mark.parametrize("first", range(0, SENSES, BATCH))
def test_fixed_format_reads_the_same(first: int, read: Read) -> None:
    """SPC-4 4.5.3: another program sees what we meant."""
    for seed in range(first, first + BATCH):
        check_fixed_format(generated(seed), read)


def check_fixed_format(sense: Sense, read: Read) -> None:
    """What only fixed format says, or says in its own way."""
    text = read(sense.encode())

    assert text.startswith("Fixed format")
    check_what_both_formats_share(sense, text)
    assert ("" if sense.information is None else f"{sense.information:#x}") == found(
        r"Info fld=(0x[0-9a-f]+)", text
    )
    assert "Valid=0" not in text
    assert (sense.filemark, sense.eom, sense.ili) == tuple(
        f" {mark}" in text for mark in ("FMK", "EOM", "ILI")
    )


@pytest.mark.parametrize("first", range(0, SENSES, BATCH))
def test_descriptor_format_reads_the_same(first: int, read: Read) -> None:
    """SPC-4 4.5.2, and 5.17.7.4 for the place of the segment number."""
    for seed in range(first, first + BATCH):
        check_descriptor_format(generated(seed), read)


def check_descriptor_format(sense: Sense, read: Read) -> None:
    """What only descriptor format says, or says in its own way."""
    text = read(sense.encode(descriptor_format=True))

    assert text.startswith("Descriptor format")
    check_what_both_formats_share(sense, text)
    assert ("" if sense.information is None else f"0x{sense.information:016x}") == found(
        r"Information: (0x[0-9a-f]+)", text
    )
    assert ("" if sense.segment is None else f"0x{sense.segment << 32:016x}") == found(
        r"Command specific: (0x[0-9a-f]+)", text
    )
    assert (sense.filemark, sense.eom, sense.ili) == (
        "FILEMARK" in text,
        "(EOM)" in text,
        "(ILI)" in text,
    )


def test_every_name_on_the_list_is_the_one_sg3_utils_has(read: Read) -> None:
    """SPC-4 annex F: another program knows each pair by the same name."""
    expected = _names()[0]

    actual = {
        pair: found(r"Additional sense: (.*?)(?: >>|$)", read(Sense(0, AdditionalSense(*pair)).encode()))
        for pair in expected
    }

    assert expected == {pair: name.upper() for pair, name in actual.items()}
