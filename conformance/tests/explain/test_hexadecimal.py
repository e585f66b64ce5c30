"""Text to bytes: every way people keep them, and a place for everything that is wrong."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.conformance.explain.hexadecimal import MAXIMUM_LENGTH, HexError, parse_hex

BYTES = bytes(range(40)) + bytes(64) + b"p\0ab"

SG_RAW = """SCSI Status: Good

Received 18 bytes of data:
 00     f0 00 0a 00 00 00 00 0a  00 00 00 00 24 00 00 c0    ............$...
 10     00 02                                               ..
"""
SG_RAW_BOTH = """Sense buffer:
 00     70 00 05 00                                         p...
"""
SG_RAW_SENSE = """SCSI Status: Check Condition

Sense Information:
Fixed format, current; Sense key: Illegal Request
 Raw sense data (in hex), sb_len=32, calculated_len=18
        70 00 05 00 00 00 00 0a  00 00 00 00 20 00 00 00
        00 00
"""


@pytest.mark.parametrize(
    "text",
    [
        "83 00 10 ff",
        "830010FF",
        "0x83,0x00,0x10,0xff",
        "0X83 0x0 0x10 0xFF",
        "83:00:10:ff",
        r"\\x83\\x00\\x10\\xff".replace("\\\\", "\\"),
        "83h 00h 10h FFh",
        "83  00 10  ff",
        "{ 0x83, 0x00,\n  0x10, 0xff };",
        "# from a file of sg3_utils\n83 0 10 # the first three\nff",
        "\t83-00-10-ff\r\n",
        "00000000  83 00 10 ff                                       |....|\n00000004\n",
        "00000000: 8300 10ff                                ....",
        "0000000 83 00 10 ff\n0000004\n",
        "000000 83 00 10 ff\n000004\n",
        " 00     83 00 10 ff    ....",
    ],
)
def test_the_same_bytes_in_many_ways(text: str) -> None:
    """Blanks, commas, colons, prefixes, suffixes, comments, columns."""
    assert b"\x83\0\x10\xff" == parse_hex(text).data


@pytest.mark.parametrize(
    "command",
    [
        ["hexdump", "-C"],
        ["xxd"],
        ["xxd", "-g1"],
        ["xxd", "-g4"],
        ["xxd", "-p"],
        ["od", "-tx1"],
        ["od", "-Ax", "-tx1"],
        ["od", "-Ax", "-tx1z"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("data", [BYTES, b"ab", b"abcdefghijklmnop" * 3, bytes(100)], ids=len)
def test_what_the_programs_print_is_read_back(command: list[str], data: bytes) -> None:
    """The real output of the real programs, repeated lines and all."""
    assert shutil.which(command[0]), f"{command[0]} is missing: install xxd, bsdextrautils and coreutils"
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=30)

    assert data == parse_hex(done.stdout.decode()).data


def test_output_of_sg_raw_is_read_through_its_words() -> None:
    """Data with offsets, or sense data without, below lines of prose."""
    assert "f0000a000000000a00000000240000c00002" == parse_hex(SG_RAW).data.hex()
    assert "70000500" == parse_hex(SG_RAW_BOTH).data.hex()
    assert "700005000000000a00000000200000000000" == parse_hex(SG_RAW_SENSE).data.hex()


def test_words_of_the_machine_are_refused_with_advice() -> None:
    """Plain hexdump swaps bytes on most machines."""
    with pytest.raises(HexError, match="use hexdump -C"):
        parse_hex("0000000 00f0 000a\n0000004\n")


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("70 00 0g", 1, 8, "'g' is no hexadecimal digit"),
        ("70 00\n0a zz", 2, 4, "'z' is no hexadecimal digit"),
        ("700", 1, 3, "3 hexadecimal digits in a row"),
        ("70 0 00 12345", 1, 13, "5 hexadecimal digits in a row"),
        ("0x", 1, 3, "a hexadecimal digit is missing"),
        ("70 0x", 1, 6, "a hexadecimal digit is missing"),
        ("0xzz", 1, 3, "'z' is no"),
        (r"\xg", 1, 3, "'g' is no"),
        ("", 1, 1, "there are no hexadecimal digits"),
        (" \n# 70", 1, 1, "there are no hexadecimal digits"),
        ("00000000  70 00\n00000003  01", 2, 1, "starts at byte 2 "),
        ("00000000  70 00\n0g:", 2, 1, "starts at byte 2 "),
        ("00000000  70 00\n*\n00000000  01", 3, 1, "left out before this one would be -2 bytes"),
        ("0000000 70 00\n*\n0000011\n", 3, 1, "would be 7 bytes"),
        ("zz\n00000000  70 00", 1, 1, "'z' is no"),
        ("00000000  70 00\n*\nffffffff\n", 3, 1, "left out before this one"),
    ],
)
def test_what_is_wrong_has_a_place(text: str, line: int, column: int, problem: str) -> None:
    """Line and column count from 1, and the line is shown with a mark below."""
    with pytest.raises(HexError) as caught:
        parse_hex(text)

    assert (line, column) == (caught.value.line, caught.value.column)
    assert problem in str(caught.value)


def test_a_long_line_is_shown_around_its_fault() -> None:
    """A message is for a screen."""
    with pytest.raises(HexError) as caught:
        parse_hex("00 " * 200 + "x" + " 00" * 200)

    assert "column 601" in str(caught.value)
    lines = str(caught.value).splitlines()
    assert "x" == lines[1][lines[2].index("^")]
    assert max(map(len, lines)) < 100


def test_there_is_an_end() -> None:
    """Nobody means a mebibyte of sense data."""
    with pytest.raises(HexError, match="are the most"):
        parse_hex("00" * (MAXIMUM_LENGTH + 1))


@given(text=st.text() | st.text(alphabet="0123456789abcdefxh*|: \n\\#>"))
def test_any_text_is_bytes_or_an_error_with_a_place(text: str) -> None:
    """Text is never trusted."""
    try:
        found = parse_hex(text)
    except HexError as error:
        wrong = error
    else:
        assert found.data
        assert found.place(0)
        return

    assert min(wrong.line, wrong.column) >= 1
    assert wrong.problem in str(wrong)


@given(data=st.binary(min_size=1, max_size=100))
def test_bytes_know_where_they_stood(data: bytes) -> None:
    """For messages about a byte in the middle."""
    found = parse_hex("\n".join(data.hex(" ", 3).split(" ")))

    assert data == found.data
    assert len(data) == len(found.places)
    assert f"byte {len(data)}, behind the last" == found.place(len(data))
