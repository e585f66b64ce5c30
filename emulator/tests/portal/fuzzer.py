"""Malformed, truncated, out-of-order and oversized PDUs against a portal that others use meanwhile.

    python -m emulator.tests.portal.fuzzer --minutes 10 [--seed N]        from the top of the repository

The portal is a process of its own. Each case is one connection: some log in first, all send PDUs that
are legal but for what was done to them, and then look at what comes back, which must be PDUs. A
witness with a session of its own writes and reads all the time; what it reads must be what it wrote,
soon. The memory of the portal at the end is compared with that after a warm-up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threepce.scsi.iscsi.bhs import HEADERS, LoginResponse, ScsiCommand
from threepce.scsi.iscsi.codes import Opcode
from threepce.scsi.iscsi.errors import ProtocolError
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.login_initiator import InitiatorLogin
from threepce.scsi.iscsi.pdu import Digests, Framer, Pdu, encode_raw
from threepce.scsi.iscsi.session_initiator import InitiatorSession

SEED = 20260101
FUZZED, WITNESSED = "iqn.2026-01.example:fuzzed", "iqn.2026-01.example:witnessed"
SAN = f"""\
format: 1
units:
  fuzzed: {{size: 4M}}
  witnessed: {{size: 4M}}
targets:
  {FUZZED}: {{luns: {{0: fuzzed}}}}
  {WITNESSED}: {{luns: {{1: witnessed}}}}
"""
PATIENCE = 5.0
"""Seconds within which the witness must have its answer, on a machine of any speed."""
GROWTH = 24 << 20
"""Bytes by which the portal may be larger at the end than after the warm-up."""
OF_INITIATOR = [table for code, table in HEADERS.items() if code < Opcode.NOP_IN]
CDBS = [
    *("000000000000", "120000006000", "1201830000ff", "a0000000000000000100000000000000"),
    *("28000000000000000800", "2a000000000000000800", "28000000000000ffff00", "2a00000000000000ff00"),
    *("830000000000000000000000004c0000", "84030000000000000000000004000000", "5e000000000000ff0000"),
    *("35000000000000000000", "42000000000000001800", "9e100000000000000000000000200000"),
]
TEXTS = [
    *(
        b"SendTargets=All\0",
        b"SendTargets=\0",
        b"InitiatorName=iqn.f\0TargetName=iqn.x\0",
        b"=\0",
        b"\xff\xfe",
        b"",
    ),
    *(
        b"HeaderDigest=CRC32C\0",
        b"MaxRecvDataSegmentLength=512\0",
        b"X-a=" + b"1" * 3000 + b"\0",
        b"AuthMethod=CHAP\0",
    ),
    *(b"CHAP_A=5\0", b"CHAP_N=a\0CHAP_R=0x00\0", b"InitialR2T=No\0ImmediateData=Maybe\0", b"\0" * 100),
]
Closed = (ConnectionError, TimeoutError)


@dataclass
class Result:
    """What happened. `failures` is empty when all went well."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    memory_before: int = 0
    memory_after: int = 0
    slowest: float = 0.0

    def __str__(self) -> str:
        lines = [f"{count:>9,} {what}" for what, count in sorted(self.counts.items())]
        grown = (self.memory_after - self.memory_before) / (1 << 20)
        lines.append(f"memory {self.memory_after >> 20} MiB, {grown:+.1f} since the warm-up")
        lines.append(f"slowest answer to the witness {1000 * self.slowest:.0f} ms")
        return "\n".join(lines + [f"FAILED: {failure}" for failure in self.failures])


class Peer:
    """A connection that blocks, and all that a fuzzer needs to know of it."""

    def __init__(self, told: dict[str, Any], timeout: float) -> None:
        self.socket = socket.create_connection((told["address"], told["port"]), timeout)
        self.digests = Digests()
        self.framer = Framer((1 << 24) - 1, self.digests)
        self.login_result: LoginResult

    def receive(self) -> Pdu:
        while (pdu := self.framer.next_pdu()) is None:
            count = self.socket.recv_into(self.framer.space())
            if not count:
                raise ConnectionError("closed")
            self.framer.filled(count)
        return pdu

    def login(self, name: str, target: str, wanted: dict[str, Any]) -> LoginResult:
        login = InitiatorLogin(
            initiator_name=name, target_name=target, isid=bytes(6), wanted=wanted, secrets=None, random=bytes
        )
        requests = [login.start()]
        while requests:
            for header, data in requests:
                self.socket.sendall(b"".join(encode_raw(header.encode(), data)))
            pdu = self.receive()
            response = pdu.decode()
            assert isinstance(response, LoginResponse)
            requests = login.receive(response, pdu.data)
        assert login.result is not None
        parameters = login.result.parameters
        self.digests.header, self.digests.data = parameters.header_digest, parameters.data_digest
        self.login_result = login.result
        return login.result


class Witness:
    """Somebody else's session, which nothing of this may touch."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.peer = Peer(told, PATIENCE)
        self.session = InitiatorSession(self.peer.login("iqn.2026-01.example:witness", WITNESSED, {}))
        self.written = b""
        while self._execute(bytes(6)).status:
            pass

    def _execute(self, cdb: bytes, data: bytes = b"", room: int = 0) -> Any:
        task = self.session.command(1, cdb, data, room)
        while True:
            for header, piece, ahs in self.session.take_outgoing():
                self.peer.socket.sendall(b"".join(encode_raw(header.encode(), piece, ahs=ahs)))
            if task.completion is not None:
                return task.completion
            self.session.receive(self.peer.receive())

    def look(self, content: bytes) -> float:
        """Write and read back; the seconds it took. Raises AssertionError for other data."""
        begun = time.monotonic()
        blocks = len(content) // 512
        written = self._execute(b"\x2a\0\0\0\0\x07\0" + blocks.to_bytes(2) + b"\0", content)
        read = self._execute(b"\x28\0\0\0\0\x07\0" + blocks.to_bytes(2) + b"\0", room=len(content))
        assert written.status == 0, f"the witness's write ended with {written}"
        assert read.data_in == content, "the witness read what it did not write"
        return time.monotonic() - begun


class Fuzzer:
    """Cases, one after the other, from one seed."""

    def __init__(self, told: dict[str, Any], seed: int) -> None:
        self.told = told
        self.random = random.Random(seed)
        self.result = Result()
        self.tag = 0

    def case(self) -> None:
        """One connection."""
        choose, counts = self.random, self.result.counts
        counts["connections"] += 1
        try:
            peer = Peer(self.told, 0.5)
        except OSError:
            counts["connections that were refused"] += 1
            return
        with contextlib.closing(peer.socket):
            try:
                logged_in = choose.random() < 0.8
                if logged_in:
                    peer.login(f"iqn.2026-01.example:fuzzer{choose.randrange(4)}", FUZZED, self.wanted())
                    counts["logins"] += 1
                for data in self.stream(peer, logged_in):
                    peer.socket.sendall(data)
                    counts["bytes sent"] += len(data)
                if choose.random() < 0.7:
                    self.look_at_answers(peer)
            except Closed:
                counts["connections that the portal closed"] += 1
            except ProtocolError as error:
                self.result.failures.append(f"the portal sent what is no PDU: {error}")

    def wanted(self) -> dict[str, Any]:
        choose = self.random.choice
        digest = choose([("None",), ("None",), ("CRC32C",)])
        return {
            "HeaderDigest": digest,
            "DataDigest": digest,
            "InitialR2T": choose([True, False]),
            "ImmediateData": choose([True, False]),
            "MaxBurstLength": 1 << choose([12, 16, 20]),
            "FirstBurstLength": 4096,
            "MaxRecvDataSegmentLength": 1 << choose([9, 13, 18]),
        }

    def look_at_answers(self, peer: Peer) -> None:
        peer.socket.settimeout(0.02)
        with contextlib.suppress(TimeoutError):
            while True:
                pdu = peer.receive()
                header = pdu.decode()
                if header is None or pdu.opcode < Opcode.NOP_IN:
                    self.result.failures.append(f"the portal sent opcode {pdu.opcode:02X}h")
                    return
                self.result.counts[f"answers: {type(header).__name__}"] += 1

    def stream(self, peer: Peer, logged_in: bool) -> Iterator[bytes]:
        """The bytes of a case, in the pieces in which they are sent."""
        choose = self.random
        cmd_sn = peer.login_result.cmd_sn if logged_in else 1
        for _ in range(choose.randrange(1, 12)):
            table = choose.choice(
                OF_INITIATOR if logged_in else [HEADERS[Opcode.LOGIN_REQUEST], *OF_INITIATOR]
            )
            header, data, ahs = self.legal(table, cmd_sn)
            if not header[0] & 0x40 and table is not HEADERS[Opcode.SCSI_DATA_OUT]:
                cmd_sn += 1
            self.damage(table, header)
            self.result.counts["PDUs"] += 1
            whole = b"".join(encode_raw(bytes(header), data, ahs=ahs, digests=peer.digests))
            yield from self.cut(bytearray(whole))

    def legal(self, table: Any, cmd_sn: int) -> tuple[bytearray, bytes, bytes]:
        """A PDU that could stand here."""
        choose = self.random
        header = bytearray(48)
        header[0], header[1] = table.__dataclass_fields__["opcode"].default, 0x80
        self.tag += choose.choice([0, 1, 1, 1, 1, 1, 1, 1])
        header[16:20], header[20:24] = (self.tag & 0xFFFFFFFF).to_bytes(4), b"\xff" * 4
        header[24:28] = (cmd_sn & 0xFFFFFFFF).to_bytes(4)
        if choose.random() < 0.5:
            header[0] |= 0x40
        data = b""
        if table is ScsiCommand:
            cdb = bytes.fromhex(choose.choice(CDBS))
            header[32 : 32 + len(cdb)] = cdb
            header[1] |= choose.choice([0x00, 0x20, 0x40, 0x60])
            header[20:24] = choose.choice([0, 36, 4096, 65536, 1 << 20, (1 << 32) - 1]).to_bytes(4)
            data = bytes(choose.choice([0, 0, 76, 512, 4096]))
        elif table is HEADERS[Opcode.SCSI_DATA_OUT]:
            header[20:24] = choose.choice([b"\xff" * 4, b"\0\0\0\1", b"\0\0\0\2"])
            header[40:44] = choose.choice([0, 512, 4096]).to_bytes(4)
            data = bytes(choose.choice([0, 512, 4096]))
        elif "continues" in table.PLACES:
            data = choose.choice(TEXTS)
        ahs = choose.choice([b""] * 30 + [b"\0\x05\1\0abcd", b"\xff\xff\1\0", b"\0\0\1\0"])
        return header, data, ahs

    def damage(self, table: Any, header: bytearray) -> None:
        choose = self.random
        for _ in range(choose.choice([0, 0, 0, 0, 0, 0, 1, 1, 2, 6])):
            if choose.random() < 0.5:
                name = choose.choice(list(table.PLACES))
                width = table.PLACES[name].width
                value = choose.choice([0, 1, (1 << width) - 1, choose.getrandbits(width)])
                field_value = value.to_bytes(width // 8) if table.HINTS[name] is bytes else value
                table.override(header, name, field_value)
            else:
                header[choose.randrange(48)] = choose.randrange(256)
        if choose.random() < 0.1:
            offset = choose.choice([-5, -1, 1, 100, 1 << 31])
            header[24:28] = (int.from_bytes(header[24:28]) + offset & 0xFFFFFFFF).to_bytes(4)

    def cut(self, whole: bytearray) -> Iterator[bytes]:
        """Send it whole, in pieces, with a wrong byte, too long, too short."""
        choose = self.random
        kind = 2 * choose.random()
        if kind < 0.1:
            whole[choose.randrange(len(whole))] ^= 1 << choose.randrange(8)
        elif kind < 0.2:
            whole[5:8] = choose.choice([b"\xff\xff\xff", b"\0\0\1", b"\4\0\0", b"\4\0\1"])
        elif kind < 0.25:
            whole[4] = choose.randrange(256)
        elif kind < 0.3:
            del whole[choose.randrange(len(whole)) :]
        elif kind < 0.35:
            whole += choose.randbytes(choose.randrange(200))
        if choose.random() < 0.2 and len(whole) > 1:
            at = choose.randrange(1, len(whole))
            yield bytes(whole[:at])
            yield bytes(whole[at:])
        else:
            yield bytes(whole)


def fuzz(seconds: float, seed: int = SEED) -> Result:
    """Run cases for so long."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "san.yaml").write_text(SAN, "utf-8")
        errors = Path(folder) / "errors"
        command = [sys.executable, "-m", "threepce.emulator.portal", f"{folder}/san.yaml", "--verbose"]
        with errors.open("w") as file:
            portal = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
        try:
            assert portal.stdout is not None
            fuzzer = Fuzzer(json.loads(portal.stdout.readline()), seed)
            _campaign(fuzzer, portal, seconds)
            portal.terminate()
            if portal.wait(10) != 0:
                fuzzer.result.failures.append(f"the portal ended with {portal.returncode}")
        finally:
            portal.kill()
            portal.wait()
            if portal.stdout is not None:
                portal.stdout.close()
        text = errors.read_text("utf-8", "replace")
        if "error of the emulator" in text or "Traceback" in text:
            at = max(text.find("Traceback") - 200, 0)
            fuzzer.result.failures.append(f"the portal met an error of its own:\n{text[at : at + 3000]}")
    return fuzzer.result


def _campaign(fuzzer: Fuzzer, portal: subprocess.Popen[str], seconds: float) -> None:
    result = fuzzer.result
    witness = Witness(fuzzer.told)
    begun = time.monotonic()
    try:
        while (passed := time.monotonic() - begun) < seconds and portal.poll() is None:
            fuzzer.case()
            if result.counts["connections"] % 10 == 0:
                content = fuzzer.random.randbytes(512 * fuzzer.random.randrange(1, 64))
                result.slowest = max(result.slowest, witness.look(content))
                result.counts["looks of the witness"] += 1
            if not result.memory_before and passed > seconds / 4:
                result.memory_before = memory(portal.pid)
        result.memory_after = memory(portal.pid)
    except (OSError, AssertionError, ProtocolError) as error:
        result.failures.append(f"the witness was harmed: {error!r}")
    finally:
        witness.peer.socket.close()
    if portal.poll() is not None:
        result.failures.append(f"the portal ended with {portal.returncode} while it was used")
    if result.memory_after - result.memory_before > GROWTH:
        result.failures.append("the portal grew")
    if result.slowest > PATIENCE:
        result.failures.append("the witness had to wait")


def memory(pid: int) -> int:
    """Bytes a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def main() -> int:
    """A campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    result = fuzz(60 * options.minutes, options.seed)
    print(f"seed {options.seed}\n{result}")
    return 1 if result.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
