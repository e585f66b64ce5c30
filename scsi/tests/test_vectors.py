"""Bytes that somebody else made: decoded they mean what was stated, encoded they come back.

A vector in ``vectors/*.json`` has a name, an origin, its bytes, and the tables in it: at which
byte each starts and its fields. A field that is not stated is zero. Numbers are numbers, fields of
bytes are hexadecimal text. A vector, or a table in it, with ``"vouches": false`` proves nothing
about the places of fields: we made the bytes ourselves, or their maker got them wrong.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from threepce.scsi.layout import Table

WITHOUT_A_VECTOR = {
    "attributes.WriteAttribute",
    "copy_results.HeldDataHeader",
    "copy_results_143.CopyManagerModePage",
    "copy_results_143.CopyStatus143",
    "cscd.CscdExtension",
    "cscd_address.FcNPortIdCscd",
    "cscd_address.FcNPortIdWithNameCheckCscd",
    "cscd_address.FcNPortNameCscd",
    "cscd_address.Ieee1394Cscd",
    "cscd_address.Ipv4Cscd",
    "cscd_address.Ipv6Cscd",
    "cscd_address.ParallelInterfaceBtlCscd",
    "cscd_address.ParallelInterfaceCscd",
    "cscd_address.RdmaCscd",
    "cscd_address.SasCscd",
    "cscd_service.IpCopyServiceCscd",
    "iscsi.bhs.SnackRequest",
    "list_header.Header143",
    "mode.StreamDeviceSpecificParameter",
    "mode_pages.DeviceConfigurationExtensionModePage",
    "segment_143.EmbeddedToStreamHead143",
    "segment_143.InlineToStream143",
    "segment_143.StreamToDiscard143",
    "segment_143.StreamToStream143",
    "segment_143.WriteFilemarks143",
    "segment_copy.InlineToStream",
    "segment_rod.PopulateRodFromRangesHead",
    "stream.AllowOverwrite",
    "third_party_copy.ReceiveCopyDataLid4",
    "vpd.SequentialAccessCapabilities",
}
"""Tables that only our own reading of the standard vouches for. Each one here is a debt."""

ZERO_BY_NATURE = {"operation_code", "service_action", "control"}
"""Zero is their usual value, and their place is the same in every CDB that has them."""

ZERO_IN_EVERY_VECTOR = {
    "block_io.Read12.rarc",
    "block_io.Verify10.group_number",
    "block_maintenance.LongFormatHeader.defect_list_length",
    "block_maintenance.LongFormatHeader.dpry",
    "block_maintenance.LongFormatHeader.ip",
    "block_maintenance.LongFormatHeader.p_i_information",
    "block_maintenance.LongFormatHeader.stpf",
    "block_maintenance.SanitizeBlockErase.znr",
    "block_maintenance.SanitizeCryptographicErase.znr",
    "block_maintenance.SanitizeExitFailureMode.znr",
    "block_maintenance.ShortFormatHeader.defect_list_length",
    "block_maintenance.ShortFormatHeader.dpry",
    "block_maintenance.ShortFormatHeader.stpf",
    "block_write.Write6.logical_block_address",
    "copy_results_lid4.RodTokenDescriptor.cscd_descriptor_id",
    "copy_results_lid4.StatusHeaderLid4.estimated_status_update_delay",
    "copy_results_lid4.StatusHeaderLid4.extended_copy_completion_status",
    "copy_results_lid4.StatusHeaderLid4.hdd",
    "copy_results_lid4.StatusHeaderLid4.operation_counter",
    "copy_results_lid4.StatusHeaderLid4.segments_processed",
    "copy_results_lid4.StatusHeaderLid4.transfer_count_units",
    "cscd.IdentificationCscd.sili",
    "cscd_service.AliasCscd.sili",
    "cscd_service.RodCscd.sili",
    "device_parameters.SequentialDeviceParameters.sili",
    "iscsi.bhs.AsyncMessage.data_segment_length",
    "iscsi.bhs.LoginRequest.version_max",
    "iscsi.bhs.LoginRequest.version_min",
    "iscsi.bhs.LoginResponse.version_active",
    "iscsi.bhs.LoginResponse.version_max",
    "iscsi.bhs.LogoutRequest.data_segment_length",
    "iscsi.bhs.LogoutRequest.total_ahs_length",
    "iscsi.bhs.LogoutResponse.data_segment_length",
    "iscsi.bhs.LogoutResponse.total_ahs_length",
    "iscsi.bhs.NopOut.opcode",
    "iscsi.bhs.R2T.data_segment_length",
    "iscsi.bhs.R2T.total_ahs_length",
    "iscsi.bhs.ScsiResponse.bidirectional_read_overflow",
    "iscsi.bhs.ScsiResponse.bidirectional_read_underflow",
    "iscsi.bhs.ScsiResponse.snack_tag",
    "iscsi.bhs.TaskManagementRequest.data_segment_length",
    "iscsi.bhs.TaskManagementRequest.exp_data_sn",
    "iscsi.bhs.TaskManagementRequest.total_ahs_length",
    "iscsi.bhs.TaskManagementResponse.data_segment_length",
    "iscsi.bhs.TaskManagementResponse.total_ahs_length",
    "list_header.Spc2Header.str",
    "log.LogPageHeader.ds",
    "maintenance.CommandTimeouts.command_specific",
    "mode.ModePageHeader.spf",
    "mode.ModeSelect6.rtd",
    "mode_pages.CachingModePage.ps",
    "mode_pages.CachingModePage.spf",
    "mode_pages.ControlModePage.spf",
    "mode_pages.DataCompressionModePage.ps",
    "mode_pages.DataCompressionModePage.spf",
    "mode_pages.DeviceConfigurationModePage.ps",
    "mode_pages.DeviceConfigurationModePage.spf",
    "mode_pages.MediumPartitionModePage.ps",
    "mode_pages.MediumPartitionModePage.spf",
    "reservations.PersistentReserveRegisterAndMove.scope",
    "reservations.PersistentReserveRegisterAndMove.type",
    "reservations.PersistentReserveReplaceLostReservation.scope",
    "reservations.Release10.longid",
    "reservations.Release10.third_party_device_id",
    "reservations.Release10.thirdpty",
    "reservations.Reserve10.longid",
    "reservations.Reserve10.third_party_device_id",
    "reservations.Reserve10.thirdpty",
    "segment_control.WriteFilemarks.wsmk",
    "stream.StreamVerify6.vbf",
    "stream.StreamVerify6.vlbpm",
    "stream.StreamVerify6.vte",
    "stream.WriteFilemarks6.wsmk",
    "stream_data.BlockLimitsData.granularity",
    "stream_data.DensityDescriptor.descriptor_length",
    "stream_data.DensityDescriptor.dlv",
    "stream_data.DensityDescriptor.dup",
    "stream_data.ReadBlockLimits.mloi",
    "stream_position.ExtendedPosition.bpew",
    "stream_position.ExtendedPosition.number_of_bytes_in_object_buffer",
    "stream_position.Locate16.dest_type",
    "stream_position.LongPosition.bpew",
    "stream_position.LongPosition.lonu",
    "stream_position.ShortPosition.bpew",
    "third_party_copy.PopulateToken.group_number",
    "third_party_copy.WriteUsingToken.group_number",
    "vpd.LogicalBlockProvisioning.dp",
    "vpd_third_party_copy.BlockDeviceRodTokenLimits.descriptor_type",
    "vpd_third_party_copy.BlockRodFeatures.peripheral_device_type",
    "vpd_third_party_copy.StreamRodFeatures.optimal_bytes_from_token_per_segment",
    "vpd_third_party_copy.StreamRodFeatures.optimal_bytes_to_token_per_segment",
}
"""Fields whose place no vector shows. Each one here is a debt too."""


def stated(table: type[Table], fields: dict[str, Any]) -> Table:
    """The value a vector states for one of its tables."""
    hints = get_type_hints(table)
    unknown = fields.keys() - table.PLACES.keys()
    if unknown:
        raise KeyError(f"{table.__name__} has no field {', '.join(sorted(unknown))}")
    values = {
        name: bytes.fromhex(fields[name]) if hints[name] is bytes else fields.get(name, 0)
        for name in table.PLACES
    }
    return table(**values)


def test_a_vector_decodes_to_its_stated_meaning(case: dict[str, Any], tables: dict[str, type[Table]]) -> None:
    """The bytes of others mean to us what they mean to their makers."""
    expected = [stated(tables[part["table"]], part["fields"]) for part in case["tables"]]

    actual = [tables[part["table"]].decode(case["bytes"][part["at"] :]) for part in case["tables"]]

    assert expected == actual


def test_the_stated_meaning_encodes_to_the_vector(
    case: dict[str, Any], tables: dict[str, type[Table]]
) -> None:
    """From the same meaning we make the same bytes as others."""
    for part in case["tables"]:
        table = tables[part["table"]]
        at = part["at"]

        actual = stated(table, part["fields"]).encode()

        assert case["bytes"][at : at + table.SIZE] == actual


def test_every_vector_says_where_it_comes_from(case: dict[str, Any]) -> None:
    """A vector without an origin is only our own opinion."""
    assert case["origin"]
    assert case["tables"]


def vouching(vectors: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The tables in the vectors that somebody else answers for."""
    outside = [vector for vector in vectors.values() if vector.get("vouches", True)]
    return [part for vector in outside for part in vector["tables"] if part.get("vouches", True)]


def test_every_table_has_a_vector_or_is_on_the_list(
    tables: dict[str, type[Table]], vectors: dict[str, dict[str, Any]]
) -> None:
    """A codec used by both sides hides its own mistakes: a new table needs outside bytes."""
    seen = {part["table"] for part in vouching(vectors)}
    without = tables.keys() - seen
    print("without an outside vector:", ", ".join(sorted(without)) or "none")

    assert sorted(WITHOUT_A_VECTOR) == sorted(without)


def test_every_field_is_set_in_some_vector_or_is_on_the_list(
    tables: dict[str, type[Table]], vectors: dict[str, dict[str, Any]]
) -> None:
    """A field that is zero in every vector could sit anywhere, so a vector must set it."""
    seen = {
        f"{part['table']}.{field}"
        for part in vouching(vectors)
        for field, value in part["fields"].items()
        if value
    }
    every = {
        f"{name}.{field}"
        for name, table in tables.items()
        if name not in WITHOUT_A_VECTOR
        for field in table.PLACES.keys() - ZERO_BY_NATURE
    }
    print("zero in every vector:", *sorted(every - seen), sep="\n  ")

    assert sorted(ZERO_IN_EVERY_VECTOR) == sorted(every - seen)
