"""The names of engines on the command line."""

from __future__ import annotations

import difflib

from threepce.conformance.engines.base import Engine
from threepce.conformance.errors import UsageError

__all__ = ["DEFAULT_PROFILE", "parse_engine"]

DEFAULT_PROFILE = "spc4"
LATER = ("sg:",)


def parse_engine(text: str) -> Engine:
    """The engine called `text`, not started yet. Raises UsageError with the closest names."""
    kind, _, rest = text.partition(":")
    if kind == "emulator":
        from threepce.conformance.engines.emulator import EmulatorEngine

        return EmulatorEngine(rest or DEFAULT_PROFILE)
    if kind == "emulator+iscsi":
        from threepce.conformance.engines.emulator_iscsi import EmulatorIscsiEngine

        return EmulatorIscsiEngine(rest or DEFAULT_PROFILE)
    if text.startswith("iscsi://"):
        from threepce.conformance.engines.iscsi_url import IscsiUrlEngine

        return IscsiUrlEngine(text)
    if text == "lio+iscsi":
        from threepce.conformance.engines.lio_iscsi import LioIscsiEngine

        return LioIscsiEngine()
    if text == "lio":
        from threepce.conformance.engines.lio import LioEngine

        return LioEngine()
    if text.startswith(LATER):
        raise UsageError(
            f"engine {text}: this kind cannot be tested yet; there are {', '.join(engine_names())}"
        )
    close = difflib.get_close_matches(text, engine_names(), n=2, cutoff=0.4)
    hint = f", did you mean {' or '.join(close)}?" if close else "."
    raise UsageError(f"unknown engine {text!r}{hint} There are {', '.join(engine_names())}.")


def engine_names() -> list[str]:
    """The engines that can be named without knowing more."""
    from threepce.emulator import available_profiles

    profiles = available_profiles()
    return [
        *(f"emulator:{profile}" for profile in profiles),
        *(f"emulator+iscsi:{profile}" for profile in profiles),
        "lio",
        "lio+iscsi",
    ]
