"""Logical units: identity, and the commands every one of them answers (SPC-4).

What a unit stores and the commands for it belong to its subclasses; which initiator may reach
it, and when a unit attention comes first, is the router's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from threepce.emulator.command import CommandTable, Entry, Invocation
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.emulator.profile import Profile
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.primary import (
    Inquiry,
    ReportLuns,
    RequestSense,
    StandardInquiry,
    TestUnitReady,
    encode_lun_list,
)
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.vpd import VpdPage, encode_device_identification, encode_page

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus

__all__ = ["PRIMARY_COMMANDS", "LogicalUnit"]

NAA_6_SERIAL_DIGITS = 25


class LogicalUnit:
    """A logical unit of one virtual target. `serial` and `name` are unique within it."""

    peripheral_device_type: int
    commands: CommandTable

    def __init__(self, name: str, serial: str, profile: Profile) -> None:
        self.name = name
        self.serial = serial
        self.profile = profile
        self.designators = self._designators()

    def _designators(self) -> list[Designator]:
        """NAA-6 made of company and serial number, then the T10 vendor ID form of both.

        LIO makes the NAA so: the company, then the first 25 hexadecimal digits in the serial
        number, padded with zeros.
        """
        identity = self.profile.identity
        digits = "".join(c for c in self.serial.lower() if c in "0123456789abcdef")[:NAA_6_SERIAL_DIGITS]
        naa = f"6{identity.naa_company_id:06x}{digits:0<{NAA_6_SERIAL_DIGITS}}"
        text = f"{identity.t10_vendor_identification:8}{identity.product_identification}:{self.serial}"
        return [
            Designator.naa(bytes.fromhex(naa)),
            Designator(
                CodeSet.ASCII, Association.LOGICAL_UNIT, DesignatorType.T10_VENDOR_ID, text.encode("ascii")
            ),
        ]

    def standard_inquiry(self) -> bytes:
        """Standard INQUIRY data (SPC-4 6.6.2)."""
        identity = self.profile.identity
        return StandardInquiry(
            peripheral_device_type=self.peripheral_device_type,
            version=identity.version,
            hisup=True,
            third_party_copy=True,
            cmdque=True,
            t10_vendor_identification=f"{identity.t10_vendor_identification:8.8}".encode("ascii"),
            product_identification=f"{identity.product_identification:16.16}".encode("ascii"),
            product_revision_level=f"{identity.product_revision_level:4.4}".encode("ascii"),
        ).encode()

    def vpd_body(self, page: int) -> bytes:
        """The body of a page that the profile offers, besides those answered here."""
        raise NotImplementedError(f"{type(self).__name__} does not know VPD page {page:02X}h")

    def vpd_page(self, page: int) -> bytes | None:
        """A vital product data page, or None where the profile does not offer it."""
        offered = self.profile.units.vpd_pages
        device_type = self.peripheral_device_type
        if page not in offered:
            return None
        if page == VpdPage.SUPPORTED_PAGES:
            return encode_page(page, bytes(sorted(offered)), peripheral_device_type=device_type)
        if page == VpdPage.UNIT_SERIAL_NUMBER:
            return encode_page(page, self.serial.encode("ascii"), peripheral_device_type=device_type)
        if page == VpdPage.DEVICE_IDENTIFICATION:
            return encode_device_identification(self.designators, peripheral_device_type=device_type)
        return encode_page(page, self.vpd_body(page), peripheral_device_type=device_type)

    def descriptor_format_sense(self) -> bool:
        """Whether this unit sends sense data in descriptor format."""
        return False

    def nexus_lost(self, nexus: EmulatorNexus) -> None:
        """An I_T nexus is gone; forget what lives no longer than it (SAM-5 6.3.4)."""

    def reset(self) -> None:
        """A logical unit reset (SAM-5 6.3.3)."""

    def close(self) -> None:
        """Give back what the unit holds."""


def test_unit_ready(invocation: Invocation) -> bytes:
    """TEST UNIT READY (SPC-4 6.47): a virtual unit always is."""
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
    """REQUEST SENSE (SPC-4 6.39): a pending unit attention, which is then gone, or NO SENSE."""
    code = invocation.nexus.take_unit_attention(invocation.lun)
    sense = Sense(SenseKey.NO_SENSE) if code is None else Sense(SenseKey.UNIT_ATTENTION, code)
    return sense.encode(descriptor_format=invocation.cdb.desc)


def report_luns(invocation: Invocation) -> bytes:
    """REPORT LUNS (SPC-4 6.33): the units this initiator can reach; well-known ones there are none."""
    select = invocation.cdb.select_report
    if select > 0x02:
        raise invalid_field_in_cdb(ReportLuns, "select_report")
    return encode_lun_list([] if select == 0x01 else invocation.nexus.luns())


PRIMARY_COMMANDS = (
    Entry(TestUnitReady, test_unit_ready),
    Entry(Inquiry, inquiry, before_unit_attention=True),
    Entry(RequestSense, request_sense, before_unit_attention=True),
    Entry(ReportLuns, report_luns, before_unit_attention=True),
)
