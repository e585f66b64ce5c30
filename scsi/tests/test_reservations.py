"""Persistent reservations: lists of keys, of registrations, of TransportIDs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import DecodeError
from threepce.scsi.reservation_data import (
    FullStatusDescriptor,
    FullStatusHeader,
    ReadFullStatusData,
    ReadKeysData,
    ReadReservationData,
    ReservationDescriptor,
    ReservationHeader,
)
from threepce.scsi.reservations import (
    PersistentReserveReserve,
    ReservationScope,
    ReservationType,
)
from threepce.scsi.transport_id import ProtocolIdentifier, TransportId, split_transport_ids

SAS = bytes.fromhex("06000000 5000c50011223344") + bytes(12)


def test_the_service_action_is_a_fact_of_the_command() -> None:
    """SPC-4 PERSISTENT RESERVE OUT: scope and type are codes with a meaning."""
    command = PersistentReserveReserve(type=ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS)

    assert bytes.fromhex("5f01 07 0000 00000018 00") == command.encode()
    meanings = {item.name: item.meaning for item in PersistentReserveReserve.annotate(command.encode())}
    assert "write exclusive all registrants" == meanings["type"]
    assert "logical unit" == meanings["scope"]


def test_keys_come_back() -> None:
    """The length counts the keys alone."""
    data = ReadKeysData(7, (0x1122334455667788, 1))

    assert bytes.fromhex("00000007 00000010 1122334455667788 0000000000000001") == data.encode()
    assert data == ReadKeysData.decode(data.encode())


def test_a_key_that_is_cut_is_kept_as_bytes() -> None:
    """An allocation length may end anywhere."""
    data = ReadKeysData(7, (1, 2)).encode()[:-3]

    assert ReadKeysData(7, (1,), b"\0\0\0\0\0") == ReadKeysData.decode(data)


def test_there_may_be_no_reservation() -> None:
    """ADDITIONAL LENGTH is then 0."""
    held = ReservationDescriptor(
        reservation_key=5, scope=ReservationScope.LOGICAL_UNIT, type=ReservationType.EXCLUSIVE_ACCESS
    )

    assert ReadReservationData(3) == ReadReservationData.decode(ReadReservationData(3).encode())
    assert ReadReservationData(3, held) == ReadReservationData.decode(ReadReservationData(3, held).encode())
    with pytest.raises(DecodeError, match="ReservationDescriptor"):
        ReadReservationData.decode(ReadReservationData(3, held).encode()[:-1])


def test_full_status_of_somebody_else(vector: Callable[[str], bytes]) -> None:
    """A registration names its I_T nexus by a TransportID."""
    data = vector("sg-full-status")

    found = ReadFullStatusData.decode(data)

    assert 0x11223344 == found.prgeneration
    assert [0x1122334455667788] == [item.header.reservation_key for item in found.descriptors]
    assert SAS == found.descriptors[0].transport_id
    assert data == found.encode()


def test_registrations_are_told_apart_by_their_lengths() -> None:
    """Each says how long its TransportID is; one that is cut is kept as bytes."""
    names = [SAS, TransportId.iscsi("iqn.2001-04.com.example:host", "80123456789a").data]
    items = [
        FullStatusDescriptor(
            FullStatusHeader(reservation_key=key, additional_descriptor_length=len(name)), name
        )
        for key, name in enumerate(names)
    ]
    data = ReadFullStatusData.of(1, items)

    assert data == ReadFullStatusData.decode(data.encode())
    cut = ReadFullStatusData.decode(data.encode()[:-1])
    assert tuple(items[:1]) == cut.descriptors
    assert len(cut.rest) == FullStatusHeader.SIZE + len(names[1]) - 1


def test_transport_ids_sent_by_somebody_else(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.6.4.6: sg_persist and we spell an iSCSI initiator port alike."""
    data = vector("sg-persistent-reserve-register-spec-i-pt")[28:]

    found, rest = split_transport_ids(data)

    assert rest == b""
    assert ["iqn.5886.com.acme.diskarrays-sn-a8675309,i,0x123456"] == [item.iscsi_name for item in found]
    assert TransportId.iscsi("iqn.5886.com.acme.diskarrays-sn-a8675309", "123456") == found[0]


def test_an_iscsi_name_is_padded() -> None:
    """SPC-4 7.6.4.6: at least 20 bytes behind the head, a multiple of four, a zero at the end."""
    short, long = TransportId.iscsi("iqn.a"), TransportId.iscsi("x" * 20)

    assert b"\5\0\0\x14iqn.a" + bytes(15) == short.data
    assert len(long.data) == 4 + 24
    assert "iqn.a" == short.iscsi_name
    assert ProtocolIdentifier.ISCSI == short.header.protocol_identifier


def test_only_iscsi_has_a_name() -> None:
    """And only where there is a head that says so."""
    assert TransportId(SAS).iscsi_name == ""
    assert TransportId(b"\5").iscsi_name == ""


def test_transport_ids_in_a_row() -> None:
    """What is no whole one is left over."""
    whole = SAS + TransportId.iscsi("iqn.a").data

    assert split_transport_ids(whole) == ((TransportId(SAS), TransportId.iscsi("iqn.a")), b"")
    assert split_transport_ids(SAS + b"\6\0\0\0") == ((TransportId(SAS),), b"\6\0\0\0")
    assert split_transport_ids(b"\5\0") == ((), b"\5\0")


@pytest.mark.parametrize("kind", [ReadKeysData, ReadReservationData, ReadFullStatusData])
@given(data=st.binary(max_size=120))
def test_any_bytes_decode_or_are_cut(kind: Any, data: bytes) -> None:
    """DecodeError is all that random bytes can bring."""
    try:
        found = kind.decode(data)
    except DecodeError:
        assert kind is ReadReservationData or len(data) < ReservationHeader.SIZE
    else:
        assert found.encode()


@given(data=st.binary(max_size=120))
def test_any_bytes_are_transport_ids_and_a_rest(data: bytes) -> None:
    """Nothing is lost."""
    found, rest = split_transport_ids(data)

    assert data == b"".join(item.data for item in found) + rest
    assert all(isinstance(item.iscsi_name, str) for item in found)
