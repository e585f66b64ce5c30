"""Run the ``3pce`` command as ``python -m threepce.conformance``."""

from __future__ import annotations

from threepce.conformance.cli import main

if __name__ == "__main__":
    main()
