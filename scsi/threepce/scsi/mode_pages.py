"""Mode pages of disks and tapes (SPC-4 7.5, SBC-3 6.5, SSC-3 8.3), each with its page header."""

from __future__ import annotations

from threepce.scsi.layout import Table, bit, bits, u8, u16, u24, u32

__all__ = [
    "CachingModePage",
    "ControlModePage",
    "DataCompressionModePage",
    "DeviceConfigurationExtensionModePage",
    "DeviceConfigurationModePage",
    "MediumPartitionModePage",
]


class CachingModePage(Table, size=20, ref="SBC-3 6.5.5"):
    """Caching mode page (08h)."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=False)
    page_code: int = bits(0, 5, 0, default=0x08)
    page_length: int = u8(1, default=0x12)
    ic: bool = bit(2, 7, default=False)
    abpf: bool = bit(2, 6, default=False)
    cap: bool = bit(2, 5, default=False)
    disc: bool = bit(2, 4, default=False)
    size: bool = bit(2, 3, default=False)
    wce: bool = bit(2, 2, default=False)
    mf: bool = bit(2, 1, default=False)
    rcd: bool = bit(2, 0, default=False)
    demand_read_retention_priority: int = bits(3, 7, 4, default=0)
    write_retention_priority: int = bits(3, 3, 0, default=0)
    disable_prefetch_transfer_length: int = u16(4, default=0, title="DISABLE PRE-FETCH TRANSFER LENGTH")
    minimum_prefetch: int = u16(6, default=0, title="MINIMUM PRE-FETCH")
    maximum_prefetch: int = u16(8, default=0, title="MAXIMUM PRE-FETCH")
    maximum_prefetch_ceiling: int = u16(10, default=0, title="MAXIMUM PRE-FETCH CEILING")
    fsw: bool = bit(12, 7, default=False)
    lbcss: bool = bit(12, 6, default=False)
    dra: bool = bit(12, 5, default=False)
    sync_prog: int = bits(12, 2, 1, default=0, title="SYNC_PROG")
    nv_dis: bool = bit(12, 0, default=False, title="NV_DIS")
    number_of_cache_segments: int = u8(13, default=0)
    cache_segment_size: int = u16(14, default=0)


class ControlModePage(Table, size=12, ref="SPC-4 7.5.8"):
    """Control mode page (0Ah)."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=False)
    page_code: int = bits(0, 5, 0, default=0x0A)
    page_length: int = u8(1, default=0x0A)
    tst: int = bits(2, 7, 5, default=0)
    tmf_only: bool = bit(2, 4, default=False, title="TMF_ONLY")
    dpicz: bool = bit(2, 3, default=False)
    d_sense: bool = bit(2, 2, default=False, title="D_SENSE")
    gltsd: bool = bit(2, 1, default=False)
    rlec: bool = bit(2, 0, default=False)
    queue_algorithm_modifier: int = bits(3, 7, 4, default=0)
    nuar: bool = bit(3, 3, default=False)
    qerr: int = bits(3, 2, 1, default=0)
    rac: bool = bit(4, 6, default=False)
    ua_intlck_ctrl: int = bits(4, 5, 4, default=0, title="UA_INTLCK_CTRL")
    swp: bool = bit(4, 3, default=False)
    ato: bool = bit(5, 7, default=False)
    tas: bool = bit(5, 6, default=False)
    atmpe: bool = bit(5, 5, default=False)
    rwwp: bool = bit(5, 4, default=False)
    autoload_mode: int = bits(5, 2, 0, default=0)
    busy_timeout_period: int = u16(8, default=0)
    extended_self_test_completion_time: int = u16(10, default=0, title="EXTENDED SELF-TEST COMPLETION TIME")


class DataCompressionModePage(Table, size=16, ref="SSC-3 8.3.2"):
    """Data Compression mode page (0Fh)."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=False)
    page_code: int = bits(0, 5, 0, default=0x0F)
    page_length: int = u8(1, default=0x0E)
    dce: bool = bit(2, 7, default=False)
    dcc: bool = bit(2, 6, default=False)
    dde: bool = bit(3, 7, default=False)
    red: int = bits(3, 6, 5, default=0)
    compression_algorithm: int = u32(4, default=0)
    decompression_algorithm: int = u32(8, default=0)


class DeviceConfigurationModePage(Table, size=16, ref="SSC-3 8.3.3"):
    """Device Configuration mode page (10h)."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=False)
    page_code: int = bits(0, 5, 0, default=0x10)
    page_length: int = u8(1, default=0x0E)
    caf: bool = bit(2, 5, default=False)
    active_format: int = bits(2, 4, 0, default=0)
    active_partition: int = u8(3, default=0)
    write_object_buffer_full_ratio: int = u8(4, default=0)
    read_object_buffer_empty_ratio: int = u8(5, default=0)
    write_delay_time: int = u16(6, default=0)
    obr: bool = bit(8, 7, default=False)
    lois: bool = bit(8, 6, default=False)
    rsmk: bool = bit(8, 5, default=False)
    avc: bool = bit(8, 4, default=False)
    socf: int = bits(8, 3, 2, default=0)
    robo: bool = bit(8, 1, default=False)
    rew: bool = bit(8, 0, default=False)
    gap_size: int = u8(9, default=0)
    eod_defined: int = bits(10, 7, 5, default=0)
    eeg: bool = bit(10, 4, default=False)
    sew: bool = bit(10, 3, default=False)
    swp: bool = bit(10, 2, default=False)
    baml: bool = bit(10, 1, default=False)
    bam: bool = bit(10, 0, default=False)
    object_buffer_size_at_early_warning: int = u24(11, default=0)
    select_data_compression_algorithm: int = u8(14, default=0)
    wtre: int = bits(15, 7, 6, default=0)
    oir: bool = bit(15, 5, default=False)
    rewind_on_reset: int = bits(15, 4, 3, default=0)
    asocwp: bool = bit(15, 2, default=False)
    perswp: bool = bit(15, 1, default=False)
    prmwp: bool = bit(15, 0, default=False)


class DeviceConfigurationExtensionModePage(Table, size=32, ref="SSC-4 8.3.8"):
    """Device Configuration Extension mode page (10h, subpage 01h). PEWS is in units of 10**6 bytes."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=True)
    page_code: int = bits(0, 5, 0, default=0x10)
    subpage_code: int = u8(1, default=0x01)
    page_length: int = u16(2, default=0x1C)
    tarpf: bool = bit(4, 3, default=False)
    taser: bool = bit(4, 2, default=False)
    tarpc: bool = bit(4, 1, default=False)
    taplsd: bool = bit(4, 0, default=False)
    write_mode: int = bits(5, 7, 4, default=0)
    short_erase_mode: int = bits(5, 3, 0, default=0)
    pews: int = u16(6, default=0)
    vcelbre: bool = bit(8, 0, default=False)


class MediumPartitionModePage(Table, size=8, ref="SSC-3 8.3.4"):
    """Medium Partition mode page (11h) up to its partition sizes, two bytes each."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=False)
    page_code: int = bits(0, 5, 0, default=0x11)
    page_length: int = u8(1, default=0x06)
    maximum_additional_partitions: int = u8(2, default=0)
    additional_partitions_defined: int = u8(3, default=0)
    fdp: bool = bit(4, 7, default=False)
    sdp: bool = bit(4, 6, default=False)
    idp: bool = bit(4, 5, default=False)
    psum: int = bits(4, 4, 3, default=0)
    pofm: bool = bit(4, 2, default=False)
    clear: bool = bit(4, 1, default=False)
    addp: bool = bit(4, 0, default=False)
    medium_format_recognition: int = u8(5, default=0)
    partitioning_type: int = bits(6, 7, 4, default=0)
    partition_units: int = bits(6, 3, 0, default=0)
