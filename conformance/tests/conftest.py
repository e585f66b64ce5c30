"""What the tests of the conformance package share: a scenario to vary, and the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """\
format: 1
id: test/copies-blocks
title: Blocks are copied
clause: SPC-4 6.4.6.4
level: shall
why: This is what the command is for.
needs: [extended-copy-lid1, cscd-e4]
units:
  src: {block_length: 512, blocks: 256, fill: lba-stamp}
  dst: {block_length: 512, blocks: 256, fill: 0xa5}
steps:
  - receive copy operating parameters: {to: dst}
    keep: {limit: maximum_cscd_descriptor_count}
  - extended copy:
      to: dst
      cscd_descriptors: [{identify: src}, {identify: dst}]
      segment_descriptors:
        - block to block: {number_of_blocks: 8, source_lba: 16, destination_lba: 128}
    expect: {status: GOOD}
  - copied: {from: src 16..23, to: dst 128}
"""

CommandRun = subprocess.CompletedProcess[str]
Command = Callable[..., CommandRun]


@pytest.fixture
def good() -> str:
    """A scenario without fault."""
    return GOOD


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs `3pce` as a process of its own, in an empty folder."""

    def run(*arguments: str, **environment: str) -> CommandRun:
        return subprocess.run(
            [sys.executable, "-m", "threepce.conformance", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
