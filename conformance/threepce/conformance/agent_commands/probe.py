"""`3pce probe`: what an engine says it can do, as a profile that `3pce serve` can be given.

The profile inherits `spc4`, so what an engine does not tell is what the standard says. It can be
held against the engine itself: `3pce test --engine emulator:PROFILE`, and the same with the engine.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from threepce.agent import AgentError, CopyAgent
from threepce.agent.engine import third_party_copy_page
from threepce.conformance.agent_commands.devices import Devices
from threepce.conformance.agent_commands.talk import document, errors_told, say, tell
from threepce.scsi.third_party_copy import (
    CopyOperationAbort,
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    PopulateToken,
    ReceiveCopyDataLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
    WriteUsingToken,
)

__all__ = ["probe_engine"]

COMMANDS = (
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    ReceiveCopyStatusLid1,
    ReceiveCopyDataLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyFailureDetailsLid1,
    CopyOperationAbort,
    PopulateToken,
    WriteUsingToken,
)


def probe_engine(name: str, output: Path | None, *, json: bool) -> int:
    """Print what the engine says of itself, or write its profile. Returns the exit status."""
    with errors_told(as_json=json) as ended, Devices() as devices:
        agent = CopyAgent(devices.open)
        device = devices.open(name)
        facts = devices.facts(device, agent.executor)
        engine = agent.engine(device)
        try:
            page = third_party_copy_page(agent.executor, device)
        except AgentError as error:
            page = None
            tell(f"no Third-party Copy VPD page (8Fh): {error}")
        listed = [command.TITLE for command in COMMANDS if page is not None and page.knows(command)]
        parameters: dict[str, Any] = asdict(engine.parameters)
        parameters["implemented_descriptors"] = list(parameters["implemented_descriptors"])
        inquiry = facts.inquiry
        profile = {
            "format": 1,
            "profile": _profile_name(facts.product),
            "inherits": "spc4",
            "about": f"{facts.product}, as it said of itself; dialect by {engine.shown_by}.",
            "identity": {
                "t10_vendor_identification": _text(inquiry.t10_vendor_identification),
                "product_identification": _text(inquiry.product_identification),
                "product_revision_level": _text(inquiry.product_revision_level),
                "version": inquiry.version,
            },
            "operating_parameters": parameters,
            "copy_manager": {"dialects": [engine.dialect.value]},
        }
        if json:
            content = {"engine": device.name, "dialect": engine.dialect.value, "commands": listed}
            document(content | {"profile": profile})
        if output is not None:
            output.write_text(yaml.safe_dump(profile, sort_keys=False, allow_unicode=True), "utf-8")
            tell(f"profile written: 3pce serve --profile {output}")
        elif not json:
            say(f"# {facts}")
            for title in listed:
                say(f"# VPD page 8Fh lists {title}")
            say(yaml.safe_dump(profile, sort_keys=False, allow_unicode=True).rstrip())
    return ended.status


def _text(field: bytes) -> str:
    return field.decode("ascii", "backslashreplace").strip()


def _profile_name(product: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", product.lower()).strip("-") or "engine"
