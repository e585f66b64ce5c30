"""A profile: what an engine is. Identity, limits, and how it differs from the standard.

Profiles are small YAML files that inherit from one another; those the package ships lie in
``profiles/``. This module turns a file into values and refuses what cannot be; what the values
do is the business of the units and of the copy manager.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum, StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from threepce.emulator.strict_yaml import DocumentError, load
from threepce.emulator.tape_behaviour import NO_TAPES, TapeBehaviour
from threepce.emulator.tokens.behaviour import NO_TOKENS, TokenBehaviour
from threepce.scsi.additional_sense import THIRD_PARTY_DEVICE_FAILURE, AdditionalSense
from threepce.scsi.cdb import Cdb, all_commands
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, is_cscd_code
from threepce.scsi.dialect import Dialect
from threepce.scsi.segment import BlockToBlock

__all__ = [
    "ActsFor",
    "CopyBehaviour",
    "DiskBehaviour",
    "Identity",
    "OperatingParametersReply",
    "Profile",
    "ProfileError",
    "ReservedBits",
    "Rule",
    "ShortData",
    "TooManyCopies",
    "UnitBehaviour",
    "WorkingLength",
    "available_profiles",
    "load_profile",
]

THIRD_PARTY_COPY_CODES = (0x83, 0x84)
EXTENDED_COPY_LID4 = (0x83, 0x01)


class ProfileError(ValueError):
    """A profile that cannot be: says which file, which key, what is wrong and what would do."""


class ReservedBits(StrEnum):
    """What becomes of a CDB with a reserved bit set."""

    REFUSED = "refused"
    IGNORED = "ignored"


class ShortData(StrEnum):
    """What becomes of a write for which less data came than its CDB says."""

    REFUSED = "refused"
    WRITTEN = "written"


class ActsFor(StrEnum):
    """For whom the copy manager reads and writes, as the reservations of the units see it."""

    NEXUS = "nexus"
    NOBODY = "nobody"


class WorkingLength(StrEnum):
    """Which length of a parameter list counts, where CDB and transport differ."""

    CDB = "cdb"
    TRANSFER = "transfer"


class ReceivingUnit(StrEnum):
    """Which part the logical unit that received EXTENDED COPY has to play in it."""

    ANY = "any"
    SOURCE_OR_DESTINATION = "source or destination"


class TooManyCopies(StrEnum):
    """How a copy beyond the number of concurrent copies is answered; the standard leaves it open."""

    TASK_SET_FULL = "task set full"
    BUSY = "busy"
    INSUFFICIENT_RESOURCES = "insufficient resources"
    ACCEPTED = "accepted"


class SegmentSense(StrEnum):
    """How a failure while a segment is processed is told."""

    DETAILED = "detailed"
    NOT_REACHABLE = "not reachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Standard INQUIRY data, and the company in the NAA designator of a unit."""

    t10_vendor_identification: str
    product_identification: str
    product_revision_level: str
    version: int = 6
    naa_company_id: int = 0
    version_descriptors: tuple[int, ...] = ()
    """Standards claimed (SPC-4 6.6.2); with one of them INQUIRY data has 96 bytes, else 36."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitBehaviour:
    """What all logical units of the engine do."""

    vpd_pages: tuple[int, ...] = ()
    reserved_bits: ReservedBits = ReservedBits.REFUSED
    first_unit_attention: AdditionalSense
    descriptor_sense_above_blocks: int = 0
    """Units with more blocks than this send descriptor format sense data; 0: none does."""
    commands: tuple[str, ...] = ()
    """The only commands there are, by title; none given: all that are implemented."""
    short_data_out: ShortData = ShortData.REFUSED
    unit_attention_before_conflict: bool = False
    """Every unit attention goes before RESERVATION CONFLICT, not only those of a reset (SAM-5 5.3.3)."""
    saves_mode_pages: bool = True
    implicit_asymmetric_access: bool = True
    """The unit answers for target port groups: TPGS in INQUIRY data, ports in VPD page 83h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskBehaviour:
    """What the disks of the engine do. Lengths are in blocks; 0 is no limit or not offered."""

    thin: bool = True
    write_cache: bool = True
    """The default of WCE."""
    dpofua: bool = True
    changes_mode_pages: bool = True
    removable: bool = False
    maximum_transfer_length: int = 0
    maximum_compare_and_write_length: int = 255
    maximum_unmap_lba_count: int = 0
    maximum_unmap_block_descriptor_count: int = 0
    maximum_write_same_length: int = 0
    write_same_nonzero: bool = False
    """WSNZ: a WRITE SAME of 0 blocks, that is up to the last one, is refused."""
    maximum_atomic_transfer_length: int = 0
    atomic_alignment: int = 0
    atomic_transfer_length_granularity: int = 0
    maximum_atomic_transfer_length_with_atomic_boundary: int = 0
    maximum_atomic_boundary_size: int = 0
    sanitize_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing a parameter list is refused for, and the code of the refusal."""

    name: str
    code: AdditionalSense | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingParametersReply:
    """How RECEIVE COPY OPERATING PARAMETERS is answered."""

    minimum_allocation_length: int = 0
    refuses_list_identifier: bool = False
    task_set_full_without_buffer: bool = False
    fills_allocation_length: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyBehaviour:
    """What the copy manager of the engine does. Lengths are in bytes."""

    unknown_service_action: AdditionalSense
    unknown_receive_service_action: AdditionalSense
    dialects: tuple[Dialect, ...] = (Dialect.LID1,)
    """What parameter lists may be written in; of those without a service action of their own the first
    is taken where the list does not tell."""
    commands: tuple[str, ...] = ()
    """The only commands with operation codes 83h and 84h there are, by title; none given: all."""
    lid4_first_cscd_id: int = 0
    """What segments of a LID4 list call its first CSCD descriptor (SPC-4 leads to 1, FreeBSD has 0)."""
    keeps_results: bool = True
    result_hold_seconds: int = 0
    """How long results are kept after the end of a copy; 0: until something discards them."""
    too_many_copies: TooManyCopies = TooManyCopies.TASK_SET_FULL
    background_steps: int = 1
    """Steps that a copy in background takes after each command."""
    working_length: WorkingLength = WorkingLength.CDB
    receiving_unit: ReceivingUnit = ReceivingUnit.ANY
    special_cscd_ids: tuple[int, ...] = ()
    """The identifiers without a CSCD descriptor that segments may name (SPC-4 table 148)."""
    segment_sense: SegmentSense = SegmentSense.DETAILED
    acts_for: ActsFor = ActsFor.NEXUS
    device_failure: AdditionalSense = THIRD_PARTY_DEVICE_FAILURE
    """The code of COPY ABORTED where a source or destination refused a command (SPC-4 5.17.7.4)."""
    device_retries: int = 0
    """How often a command is sent again to a source or destination that is BUSY or reserved."""
    handles_data_before_failure: bool = True
    """What was read in full before a source failed is still processed and written (SPC-4 5.17.7.4)."""
    partial_transfers: bool = False
    """To and from fixed blocks, the last transfer of a segment has no more blocks than are needed."""
    field_pointers: bool = True
    enforces_segment_length: bool = True
    enforces_granularity: bool = True
    equal_block_lengths: bool = False
    cscd_fields_checked: bool = True
    chunk_length: int = 1 << 24
    segment_descriptor_stride: int = 0
    """Bytes from one segment descriptor to the next; 0: each says its own length."""
    parameter_list_rules: tuple[Rule, ...] = ()
    operating_parameters_reply: OperatingParametersReply = OperatingParametersReply()

    def offers(self, cdb: type[Cdb]) -> bool:
        """Whether the engine has this command, if it is one of third-party copy at all."""
        if cdb.OPCODE not in THIRD_PARTY_COPY_CODES:
            return True
        if (cdb.OPCODE, cdb.SERVICE_ACTION) == EXTENDED_COPY_LID4 and Dialect.LID4 not in self.dialects:
            return False
        return not self.commands or cdb.TITLE in self.commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One way in which the engine differs from the standard, and how we know."""

    at: str
    does: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An engine, as a value."""

    name: str
    about: str
    identity: Identity
    units: UnitBehaviour
    disks: DiskBehaviour = DiskBehaviour()
    tapes: TapeBehaviour = NO_TAPES
    operating_parameters: OperatingParameters
    copy_manager: CopyBehaviour
    tokens: TokenBehaviour = NO_TOKENS
    deviations: tuple[Deviation, ...] = ()


def _shipped() -> Traversable:
    return files("threepce.emulator").joinpath("profiles")


def available_profiles() -> list[str]:
    """The names of the profiles that come with the package."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in _shipped().iterdir() if entry.name.endswith(".yaml")
    )


@cache
def load_profile(name: str) -> Profile:
    """A shipped profile by its name, or one from a file by a path ending in ``.yaml``.

    Raises ProfileError for a name that is not there and a file that makes no sense.
    """
    tree = _read(name, ())
    try:
        profile: Profile = _build(Profile, tree, "")
        _check(profile)
    except ProfileError as error:
        raise ProfileError(f"profile {name}: {error}") from None
    return profile


def _read(name: str, heirs: tuple[str, ...]) -> dict[str, Any]:
    """The tree of a profile with everything it inherits merged in."""
    if name in heirs:
        raise ProfileError(f"profile {name} inherits from itself, through {' and '.join(heirs)}")
    if name.endswith(".yaml"):
        source: Traversable = Path(name)
    else:
        source = _shipped().joinpath(f"{name}.yaml")
        if name not in available_profiles():
            close = get_close_matches(name, available_profiles(), 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ProfileError(
                f"no profile is called {name!r}{hint} There are {', '.join(available_profiles())}; "
                "a file of your own is named by its path, ending in .yaml"
            )
    try:
        tree = load(source.read_text("utf-8"), name).data
    except OSError as error:
        raise ProfileError(f"{name}: cannot be read: {error.strerror}") from error
    except (DocumentError, UnicodeDecodeError) as error:
        raise ProfileError(f"{name}: not YAML: {error}") from error
    if not isinstance(tree, dict) or tree.pop("format", None) != 1:
        raise ProfileError(f"{name}: a profile starts with 'format: 1'")
    parent = tree.pop("inherits", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise ProfileError(f"{name}: inherits: expected the name of a profile, got {parent!r}")
    return _merged(_read(parent, (*heirs, name)), tree)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`, mapping by mapping; a list replaces the inherited list whole."""
    result = dict(base)
    for key, value in own.items():
        inherited = result.get(key)
        if isinstance(value, dict) and isinstance(inherited, dict):
            result[key] = _merged(inherited, value)
        else:
            result[key] = value
    return result


def _build(kind: Any, tree: object, path: str) -> Any:
    """`tree` as a value of the type `kind`; every misfit is a ProfileError naming its path."""
    if kind is Rule:
        return _rule(tree, path)
    if is_dataclass(kind):
        return _record(typing.cast("type[Any]", kind), tree, path)
    if typing.get_origin(kind) is tuple:
        if not isinstance(tree, list):
            raise ProfileError(f"{path}: expected a list, got {tree!r}")
        item = typing.get_args(kind)[0]
        return tuple(_build(item, entry, f"{path}[{index}]") for index, entry in enumerate(tree))
    if kind is AdditionalSense:
        return _code(tree, path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        values = [member.value for member in kind]
        if tree not in values:
            raise ProfileError(f"{path}: expected one of {', '.join(values)}; got {tree!r}")
        return kind(tree)
    if type(tree) is not kind or (kind is int and typing.cast("int", tree) < 0):
        words = {int: "a number of 0 or more", str: "text", bool: "true or false"}
        raise ProfileError(f"{path}: expected {words[kind]}, got {tree!r}")
    return tree


def _record(kind: type[Any], tree: object, path: str) -> Any:
    if not isinstance(tree, dict):
        raise ProfileError(f"{path or 'the file'}: expected keys and values, got {tree!r}")
    hints = typing.get_type_hints(kind)
    known = {("profile" if path == "" and f.name == "name" else f.name): f for f in fields(kind)}
    for key in tree:
        if key not in known:
            close = get_close_matches(str(key), known, 1)
            raise ProfileError(
                f"{path}: unknown key {key!r}" + (f"; did you mean {close[0]}?" if close else "")
            )
    values = {}
    for key, field in known.items():
        where = f"{path}.{key}" if path else key
        if key in tree:
            values[field.name] = _build(hints[field.name], tree[key], where)
        elif field.default is MISSING and not isinstance(hints[field.name], types.UnionType):
            raise ProfileError(f"{where} is missing")
    return kind(**values)


def _rule(tree: object, path: str) -> Rule:
    if isinstance(tree, str):
        return Rule(name=tree)
    if isinstance(tree, dict) and len(tree) == 1:
        ((name, code),) = tree.items()
        return Rule(name=str(name), code=_code(code, path))
    raise ProfileError(f"{path}: expected the name of a rule, or 'name: ADDITIONAL SENSE', got {tree!r}")


def _code(tree: object, path: str) -> AdditionalSense:
    try:
        return AdditionalSense.named(typing.cast("str", tree))
    except (KeyError, AttributeError):
        raise ProfileError(f"{path}: {tree!r} is not on the T10 list of additional sense codes") from None


def _check_commands(profile: Profile) -> None:
    """Refuse the names of commands that there are none of."""
    copies = profile.copy_manager
    for where, named in (("units", profile.units.commands), ("copy_manager", copies.commands)):
        titles = {command.TITLE for command in all_commands()} if named else set()
        for title in named:
            if title not in titles:
                close = get_close_matches(title, titles, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                raise ProfileError(f"{where}.commands: no command is called {title!r}{hint}")


def _check_titles(where: str, named: tuple[str, ...]) -> None:
    titles = {command.TITLE for command in all_commands()} if named else set()
    for title in named:
        if title not in titles:
            close = get_close_matches(title, titles, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ProfileError(f"{where}.commands: no command is called {title!r}{hint}")


def _check(profile: Profile) -> None:
    """Refuse what no engine can be."""
    _check_commands(profile)
    copies = profile.copy_manager
    if not set(copies.dialects) - {Dialect.LID4}:
        raise ProfileError(
            "copy_manager.dialects: EXTENDED COPY(LID1) needs T10/99-143r1, SPC-2 or SPC-4 LID1 among them"
        )
    try:
        profile.tokens.check()
        profile.tapes.check()
    except ValueError as error:
        raise ProfileError(str(error)) from error
    limits = profile.operating_parameters
    one_copy = CSCD_DESCRIPTOR_LENGTH + BlockToBlock.SIZE
    if limits.maximum_descriptor_list_length < one_copy:
        raise ProfileError(
            f"operating_parameters.maximum_descriptor_list_length: {limits.maximum_descriptor_list_length} bytes do "
            f"not hold one CSCD descriptor and one segment descriptor ({one_copy})"
        )
    for name in ("maximum_cscd_descriptor_count", "maximum_segment_descriptor_count"):
        if getattr(limits, name) < 1:
            raise ProfileError(f"operating_parameters.{name}: an engine that takes none can copy nothing")
    if limits.maximum_inline_data_length and 0x04 not in limits.implemented_descriptors:
        raise ProfileError(
            "operating_parameters.maximum_inline_data_length: inline data needs segment descriptor 04h "
            "among implemented_descriptors"
        )
    for code in limits.implemented_descriptors:
        if not (0 <= code <= 0xBF or is_cscd_code(code)):
            raise ProfileError(
                f"operating_parameters.implemented_descriptors: {code:#x} is no descriptor type code"
            )
