"""Which table the answer of a command is, for those whose answers a fault can falsify by field."""

from __future__ import annotations

from collections.abc import Mapping

from threepce.scsi.block import Capacity10, Capacity16, ReadCapacity10, ReadCapacity16
from threepce.scsi.cdb import Cdb
from threepce.scsi.copy_results import (
    CopyStatusData,
    FailureDetails,
    HeldDataHeader,
    OperatingParametersHeader,
)
from threepce.scsi.copy_results_lid4 import AllRodTokensHeader, StatusHeaderLid4
from threepce.scsi.layout import Table
from threepce.scsi.third_party_copy import (
    ReceiveCopyDataLid1,
    ReceiveCopyDataLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
    ReceiveRodTokenInformation,
    ReportAllRodTokens,
)

__all__ = ["REPLIES"]

REPLIES: Mapping[type[Cdb], type[Table]] = {
    ReceiveCopyStatusLid1: CopyStatusData,
    ReceiveCopyDataLid1: HeldDataHeader,
    ReceiveCopyOperatingParameters: OperatingParametersHeader,
    ReceiveCopyFailureDetailsLid1: FailureDetails,
    ReceiveCopyStatusLid4: StatusHeaderLid4,
    ReceiveCopyDataLid4: StatusHeaderLid4,
    ReceiveRodTokenInformation: StatusHeaderLid4,
    ReportAllRodTokens: AllRodTokensHeader,
    ReadCapacity10: Capacity10,
    ReadCapacity16: Capacity16,
}
