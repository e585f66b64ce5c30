"""Any fault, and any data that might be meant for one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cdb import all_commands
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey

__all__ = ["anything", "faults"]

numbers = st.integers(0, (1 << 64) - 1)
names = st.text("abc*", min_size=1, max_size=4)
spans = st.one_of(
    numbers,
    st.tuples(numbers, numbers).map(lambda ends: f"{min(ends)}..{max(ends)}"),
    numbers.map(lambda first: f"{first}.."),
)
seconds = st.floats(0, 1e9, exclude_min=True)
hexes = st.binary(min_size=1, max_size=8).map(lambda data: data.hex(" "))
codes = st.builds(AdditionalSense, st.integers(0, 255), st.integers(0, 255)).map(
    lambda code: f"{code.asc:02X}h/{code.ascq:02X}h"
)


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the keys, and maybe none; an underscore is a space."""
    return st.fixed_dictionaries({}, optional={key.replace("_", " "): value for key, value in keys.items()})


matches = some(
    unit=names,
    command=st.sampled_from(sorted({command.TITLE for command in all_commands()})),
    lba=spans,
    initiator=st.lists(names, min_size=2, max_size=3),
    by=st.just("initiator"),
)
whens = some(
    occurrence=st.lists(st.integers(1, 99), min_size=2, max_size=4),
    times=st.integers(1, 99),
)
senses = st.one_of(
    st.fixed_dictionaries({"raw": hexes}),
    st.fixed_dictionaries(
        {"key": st.sampled_from([key.text for key in SenseKey]), "code": codes},
        optional={
            "information": numbers,
            "command specific": numbers,
            "filemark": st.just(value=True),
            "eom": st.just(value=True),
            "ili": st.just(value=True),
            "deferred": st.just(value=True),
            "byte": st.integers(0, 0xFFFF),
        },
    ),
)
statuses = st.sampled_from(
    [status.name.replace("_", " ") for status in Status if status is not Status.CHECK_CONDITION]
)
endings = st.one_of(
    st.fixed_dictionaries({"sense": senses}),
    st.fixed_dictionaries({"status": statuses}),
    st.just({"drop nexus": True}),
    st.just({"power cycle": True}),
)
data_faults = some(
    delay=seconds,
    short_data=st.integers(1, 99),
    corrupt_data=st.fixed_dictionaries({"put": hexes}, optional={"at": st.integers(1, 99)}),
    unit_attention=st.fixed_dictionaries(
        {"code": codes}, optional={"for": st.sampled_from(["others", "issuer"])}
    ),
)
dos = st.one_of(
    endings,
    data_faults.filter(bool),
    st.builds(lambda one, other: one | other | {"executed": True}, endings, data_faults),
)
faults = st.fixed_dictionaries({"do": dos}, optional={"name": names}).flatmap(
    lambda fault: st.builds(
        lambda match, when: fault
        | {"match": {**match, "by": "initiator"}}
        | ({"when": when} if when else {}),
        matches,
        whens,
    )
)


words = st.sampled_from(
    [
        "do",
        "match",
        "when",
        "name",
        "sense",
        "status",
        "key",
        "code",
        "raw",
        "faults",
        "answer",
        "delay",
        "stall",
        "short data",
        "corrupt data",
        "put",
        "xor",
        "unit attention",
        "lba",
        "command",
        "once",
        "BUSY",
        "84h/00h",
    ]
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), words, hexes),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=4)),
)
