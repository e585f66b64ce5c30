"""`python -m threepce.emulator.portal`: the server without the rest of `3pce`."""

from __future__ import annotations

import argparse
from pathlib import Path

from threepce.emulator.portal.serve import ServeOptions, serve


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m threepce.emulator.portal", description=__doc__)
    parser.add_argument("san_file", nargs="?", type=Path, metavar="SAN.yaml")
    parser.add_argument("--profile")
    parser.add_argument("--portal", default="127.0.0.1:0", metavar="ADDRESS:PORT")
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    return serve(ServeOptions(**vars(parser.parse_args())))


raise SystemExit(main())
