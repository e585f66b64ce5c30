"""Backup and restore by third-party copy: the application flow of Fig. 6.

`backup` copies files whose blocks are known to a tape, `restore` brings them back; `container` is
what lies on the tape.
"""

from threepce.agent.backup.backup import TRANSFER_LENGTH, BackupRequest, TapeInUse, back_up
from threepce.agent.backup.container import IndexEntry, Label, NotABackup
from threepce.agent.backup.report import BackupReport, FileReport
from threepce.agent.backup.restore import (
    DigestDiffers,
    RestoreRequest,
    by_name,
    list_backup,
    restore,
    restore_into,
    same_place,
)

__all__ = [
    "TRANSFER_LENGTH",
    "BackupReport",
    "BackupRequest",
    "DigestDiffers",
    "FileReport",
    "IndexEntry",
    "Label",
    "NotABackup",
    "RestoreRequest",
    "TapeInUse",
    "back_up",
    "by_name",
    "list_backup",
    "restore",
    "restore_into",
    "same_place",
]
