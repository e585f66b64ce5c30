"""The commands for ROD tokens, as handlers (SBC-3 5.7, 5.60; SPC-4 6.25, 6.28).

POPULATE TOKEN looks at its ranges when it is accepted: that is the point in time, whenever the
operation ends. WRITE USING TOKEN goes on in steps of the profile's chunk length, each admitted as
a WRITE from outside would be, and a token that it uses does not expire meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.disk.unit import disk_of
from threepce.emulator.manager.commands import kept_results, was_fetched
from threepce.emulator.manager.operation import Operation, Work
from threepce.emulator.profile import Profile
from threepce.emulator.tokens.lists import accept_populate_token, accept_write_using_token
from threepce.emulator.tokens.store import DiskRange, Token, TokenStore
from threepce.emulator.tokens.writing import Writing, check_offset
from threepce.scsi.copy_results import TransferCountUnits
from threepce.scsi.copy_results_lid4 import AllRodTokens, RodTokenDescriptor
from threepce.scsi.rod_type import RodType
from threepce.scsi.third_party_copy import (
    PopulateToken,
    ReceiveRodTokenInformation,
    ReportAllRodTokens,
    WriteUsingToken,
)

__all__ = ["token_commands"]


def token_commands(profile: Profile) -> Iterable[Entry]:
    """The commands for tokens of a disk; none where the profile has no tokens."""
    if not profile.tokens.rod_types:
        return ()
    return (
        Entry(PopulateToken, populate_token, Access.READERS, needs_medium=True),
        Entry(WriteUsingToken, write_using_token, Access.HOLDERS, needs_medium=True),
        Entry(ReceiveRodTokenInformation, receive_rod_token_information, Access.READERS),
        Entry(ReportAllRodTokens, report_all_rod_tokens, Access.READERS),
    )


def populate_token(invocation: Invocation) -> bytes | Iterator[None]:
    """POPULATE TOKEN (SBC-3 5.7)."""
    disk, store = disk_of(invocation), invocation.nexus.san.tokens
    data = invocation.parameter_list()
    if not data:
        return b""
    behaviour = disk.profile.tokens
    wanted = accept_populate_token(disk, behaviour, data)
    length = disk.block_length
    ranges = [
        DiskRange(disk, item.logical_block_address * length, item.number_of_logical_blocks * length)
        for item in wanted.ranges
    ]
    token = store.create(
        disk,
        ranges,
        RodType(wanted.head.rod_type if wanted.head.rtv else behaviour.default_rod_type),
        inactivity_timeout=wanted.head.inactivity_timeout,
    )
    operation = _operation(invocation, background=wanted.head.immed)
    return _start(operation, _populate(operation, store, token, token.rod.length // length))


def _populate(operation: Operation, store: TokenStore, token: Token, blocks: int) -> Work:
    """The token is made; what ends the operation before it is told ends the token too."""
    try:
        yield
    except GeneratorExit:
        store.delete(token)
        raise
    operation.tokens.append(RodTokenDescriptor(rod_token=token.raw))
    operation.transferred = blocks


def write_using_token(invocation: Invocation) -> bytes | Iterator[None]:
    """WRITE USING TOKEN (SBC-3 5.60)."""
    disk, store = disk_of(invocation), invocation.nexus.san.tokens
    data = invocation.parameter_list()
    if not data:
        return b""
    wanted = accept_write_using_token(disk, disk.profile.tokens, data)
    token = store.find(wanted.head.rod_token)
    check_offset(disk, wanted, token)
    operation = _operation(invocation, background=wanted.head.immed)
    return _start(operation, Writing(operation, store, disk, wanted, token).work())


def _operation(invocation: Invocation, *, background: bool) -> Operation:
    operation = Operation(
        invocation.nexus,
        invocation.unit,
        service_action=invocation.cdb.SERVICE_ACTION,
        list_identifier=invocation.cdb.list_identifier,
        background=background,
    )
    operation.units = TransferCountUnits.LOGICAL_BLOCKS
    return operation


def _start(operation: Operation, work: Work) -> bytes | Iterator[None]:
    """Begin an operation whose work has taken hold of its token; it lets go when it is refused."""
    next(work)
    try:
        return operation.nexus.san.manager.start(operation, work)
    except BaseException:
        work.close()
        raise


def receive_rod_token_information(invocation: Invocation) -> bytes:
    """RECEIVE ROD TOKEN INFORMATION (SPC-4 6.25): tokens that were transferred whole are told once."""
    kept = kept_results(invocation)
    data = kept.rod_token_information()
    if kept.operation.ended and was_fetched(invocation, data):
        kept.operation.tokens.clear()
    return data


def report_all_rod_tokens(invocation: Invocation) -> bytes:
    """REPORT ALL ROD TOKENS (SPC-4 6.28): by what tokens are known, not what it takes to use them."""
    return AllRodTokens(invocation.nexus.san.tokens.management_tokens()).encode()
