"""Engines under test: how each kind is named, started, prepared for a case and recovered."""

from __future__ import annotations

from threepce.conformance.engines.base import Bench, Engine, UnitRequest
from threepce.conformance.engines.parse import parse_engine

__all__ = ["Bench", "Engine", "UnitRequest", "parse_engine"]
