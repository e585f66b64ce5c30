"""What an iSCSI session agreed on, in one line for a report."""

from __future__ import annotations

from threepce.scsi.iscsi.negotiation import Parameters

__all__ = ["agreed"]


def agreed(parameters: Parameters) -> str:
    """The values that shape what goes over the wire, by their names in RFC 7143 section 13."""
    digests = [
        name
        for name, wanted in (("header", parameters.header_digest), ("data", parameters.data_digest))
        if wanted
    ]
    return ", ".join(
        (
            f"InitialR2T={_word(parameters.initial_r2t)}",
            f"ImmediateData={_word(parameters.immediate_data)}",
            f"FirstBurstLength={parameters.first_burst_length}",
            f"MaxBurstLength={parameters.max_burst_length}",
            f"PDUs of {parameters.max_receive_segment_length} in and {parameters.max_send_segment_length} out",
            f"{' and '.join(digests) or 'no'} digests",
        )
    )


def _word(value: bool) -> str:
    return "Yes" if value else "No"
