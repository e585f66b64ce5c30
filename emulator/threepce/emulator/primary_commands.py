"""The commands every logical unit answers, whatever it stores on (SPC-4)."""

from __future__ import annotations

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.emulator.reservations import RESERVATION_COMMANDS
from threepce.emulator.supported_commands import MANAGEMENT_COMMANDS
from threepce.emulator.target_port_groups import TARGET_PORT_COMMANDS
from threepce.scsi.primary import Inquiry, ReportLuns, RequestSense, TestUnitReady, encode_lun_list
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["PRIMARY_COMMANDS"]


def test_unit_ready(invocation: Invocation) -> bytes:
    """TEST UNIT READY (SPC-4 6.47): a unit that came so far is."""
    return b""


def inquiry(invocation: Invocation) -> bytes:
    """INQUIRY (SPC-4 6.6)."""
    unit = invocation.unit
    if not invocation.cdb.evpd:
        if invocation.cdb.page_code:
            raise invalid_field_in_cdb(Inquiry, "page_code")
        return unit.standard_inquiry()
    page = unit.vpd_page(invocation.cdb.page_code)
    if page is None:
        raise invalid_field_in_cdb(Inquiry, "page_code")
    return page


def request_sense(invocation: Invocation) -> bytes:
    """REQUEST SENSE (SPC-4 6.39): a unit attention, which is then gone, what keeps the unit, or nothing."""
    code = invocation.nexus.take_unit_attention(invocation.lun)
    if code is not None:
        sense = Sense(SenseKey.UNIT_ATTENTION, code)
    else:
        condition = invocation.unit.condition(invocation.nexus.san.clock.now)
        sense = Sense(SenseKey.NO_SENSE) if condition is None else condition
    return sense.encode(descriptor_format=invocation.cdb.desc)


def report_luns(invocation: Invocation) -> bytes:
    """REPORT LUNS (SPC-4 6.33): the units this initiator can reach; well-known ones there are none."""
    select = invocation.cdb.select_report
    if select > 0x02:
        raise invalid_field_in_cdb(ReportLuns, "select_report")
    return encode_lun_list([] if select == 0x01 else invocation.nexus.luns())


PRIMARY_COMMANDS = (
    Entry(TestUnitReady, test_unit_ready, Access.UNDER_PERSISTENT, needs_medium=True),
    Entry(Inquiry, inquiry, Access.ANYONE, before_unit_attention=True),
    Entry(RequestSense, request_sense, Access.ANYONE, before_unit_attention=True),
    Entry(ReportLuns, report_luns, Access.ANYONE, before_unit_attention=True),
    *MANAGEMENT_COMMANDS,
    *TARGET_PORT_COMMANDS,
    *RESERVATION_COMMANDS,
)
