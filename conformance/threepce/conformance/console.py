"""What `3pce test` prints: progress while it runs, then failures, the matrix and the summary.

On a terminal with colour and boxes; elsewhere in plain ASCII, so that a log stays readable.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO

import pytest
from _pytest.terminal import TerminalReporter

from threepce.conformance.cases import describe_finding
from threepce.conformance.dump import command_lines
from threepce.conformance.results import CaseResult, Recorder, counts
from threepce.conformance.verdict import Verdict

__all__ = ["Printer", "Reporter"]

STYLES = {
    Verdict.PASS: "green",
    Verdict.INFO: "cyan",
    Verdict.WARN: "yellow",
    Verdict.UNSUPPORTED: "dim",
    Verdict.SKIPPED: "dim",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.ERROR: "bold magenta",
}
REMARKABLE = (Verdict.WARN, Verdict.INFO, Verdict.UNSUPPORTED, Verdict.SKIPPED)
ABSENT = "-"


class Printer:
    """Writes to a stream, with rich where that is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console

        self._stream = stream or sys.stdout
        self.is_terminal = self._stream.isatty()
        self._console = Console(file=self._stream, highlight=False, soft_wrap=True)

    def line(self, text: str = "", style: str = "") -> None:
        """One line of plain text."""
        if self.is_terminal:
            self._console.print(text, style=style or None, markup=False)
        else:
            encoding = self._stream.encoding or "ascii"
            print(text.encode(encoding, "backslashreplace").decode(encoding), file=self._stream)

    def progress(self, text: str) -> None:
        """A line that the next one overwrites; only on a terminal."""
        if self.is_terminal:
            self._stream.write("\r\x1b[2K" + text[: max(20, self._console.width - 1)])
            self._stream.flush()

    def matrix(self, results: list[CaseResult]) -> None:
        """Scenario by engine."""
        engines = list(dict.fromkeys(result.engine for result in results))
        cells: dict[str, dict[str, Verdict]] = {}
        for result in sorted(results, key=lambda result: result.case):
            cells.setdefault(result.case, {})[result.engine] = result.verdict
        if self.is_terminal:
            self._rich_matrix(engines, cells)
            return
        widths = [max(len("scenario"), *map(len, cells))]
        widths += [
            max(len(engine), *(len(row.get(engine, ABSENT)) for row in cells.values())) for engine in engines
        ]

        def row(*texts: str) -> str:
            return "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()

        self.line(row("scenario", *engines))
        self.line(row(*("-" * width for width in widths)))
        for case, verdicts in cells.items():
            self.line(row(case, *(str(verdicts.get(engine, ABSENT)) for engine in engines)))

    def _rich_matrix(self, engines: list[str], cells: dict[str, dict[str, Verdict]]) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table()
        table.add_column("scenario", overflow="fold")
        for engine in engines:
            table.add_column(engine, no_wrap=True)
        for case, verdicts in cells.items():
            found = [verdicts.get(engine) for engine in engines]
            table.add_row(case, *(Text(str(v), STYLES[v]) if v else Text(ABSENT, "dim") for v in found))
        self._console.print(table)

    def summary(self, recorder: Recorder, seconds: float, report: str, verbosity: int) -> None:
        """All that is said at the end."""
        self.progress("")
        for result in recorder.results:
            if result.verdict == Verdict.FAIL:
                self._failure(result)
        self._errors(recorder)
        if recorder.results:
            self.line()
            self.matrix(recorder.results)
            self._remarks(recorder.results, verbosity)
        self.line()
        for engine, facts in recorder.facts.items():
            known = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
            self.line(f"{engine}: {known}")
        tally = ", ".join(f"{count} {verdict}" for verdict, count in counts(recorder.results).items())
        if recorder.interrupted:
            self.line("interrupted; what follows is about the cases that ended before", "bold")
        self.line(f"{len(recorder.results)} run: {tally}; {seconds:.1f} s")
        self.line(f"report: {report}")

    def _failure(self, result: CaseResult) -> None:
        about = result.about
        self.line()
        self.line(f"FAIL  {result.case} [{result.engine}]", STYLES[Verdict.FAIL])
        self.line(f"    {about['clause']} ({about['level']}): {about['title']}")
        self.line(f"    {about['why']}")
        for finding in result.judgement.findings:
            for text in describe_finding(finding, about["file"]):
                self.line(f"    {text}")
        self.line(f"    again: 3pce test {result.case} --engine {result.engine} -vv")

    def _errors(self, recorder: Recorder) -> None:
        # One cause often breaks many cases; it is told once.
        causes: dict[str, list[CaseResult]] = {}
        for result in recorder.results:
            if result.verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE):
                causes.setdefault(f"{result.verdict}: {result.judgement.evidence}", []).append(result)
        for cause, results in causes.items():
            self.line()
            first, others = results[0], len(results) - 1
            more = f" and {others} more" if others else ""
            kind, text = cause.split(": ", 1)
            self.line(f"{kind.upper()}  {first.case} [{first.engine}]{more}", STYLES[Verdict.ERROR])
            for part in text.splitlines():
                self.line(f"    {part}")
        for problem in recorder.problems:
            self.line()
            self.line(f"3pce: {problem}", STYLES[Verdict.ERROR])

    def _remarks(self, results: list[CaseResult], verbosity: int) -> None:
        """Why cases are neither pass nor fail, each reason once."""
        reasons: dict[str, list[CaseResult]] = {}
        for result in results:
            if result.verdict in REMARKABLE:
                reasons.setdefault(f"{result.engine}: {result.judgement.evidence}", []).append(result)
        if reasons:
            self.line()
        for reason, found in reasons.items():
            shown = found if verbosity else found[:1]
            names = ", ".join(result.case for result in shown)
            more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
            self.line(f"{found[0].verdict}  {names}{more}", STYLES[found[0].verdict])
            self.line(f"    {reason}")


class Reporter(TerminalReporter):  # type: ignore[misc]  # final, but other plugins need its methods
    """Takes the place of pytest's terminal reporter; says nothing but the progress."""

    def __init__(self, config: pytest.Config, printer: Printer, recorder: Recorder, total: int) -> None:
        super().__init__(config, sys.stdout)
        self._printer = printer
        self._recorder = recorder
        self._total = total
        self._seen = 0

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say how far the run is; with -v, how the case ended and what was sent."""
        results = self._recorder.results
        if len(results) == self._seen:
            return
        self._seen = len(results)
        result = results[-1]
        verbosity = self.config.option.copy_verbosity
        if not verbosity:
            self._printer.progress(f"{self._seen}/{self._total}  {result.case} [{result.engine}]")
            return
        line = f"{result.verdict:<12}  {result.case} [{result.engine}]  {result.seconds:.2f} s"
        self._printer.line(line, STYLES[result.verdict])
        for text in command_lines(result.events, everything=verbosity > 1):
            self._printer.line(f"    {text}")

    # What pytest's reporter and pytest-xdist would print is either in the summary or of no use.

    def _nothing(self, *_: Any, **__: Any) -> None:
        return None

    write_line: Callable[..., Any] = _nothing
    rewrite: Callable[..., Any] = _nothing
    write_sep: Callable[..., Any] = _nothing
    write_fspath_result: Callable[..., Any] = _nothing

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Print no header."""
        self._session = session

    def pytest_collection(self) -> None:
        """Say nothing about collecting."""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Leave errors to the summary."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn how many cases there are."""
        if session.items:
            self._total = len(session.items)

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        """Say nothing before a case."""

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Say nothing after a case."""

    def pytest_sessionfinish(self, session: Any, exitstatus: Any) -> None:  # type: ignore[override]
        """Leave the summary to the front."""

    def pytest_terminal_summary(self) -> None:  # type: ignore[override]
        """Leave the summary to the front."""

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """Leave it to the recorder."""

    def pytest_internalerror(self, excrepr: Any) -> bool:
        """Leave it to the recorder."""
        return True

    def pytest_warning_recorded(self, *_: Any, **__: Any) -> None:
        """Warnings are for the developers of this project, whose tests turn them into errors."""

    def pytest_unconfigure(self) -> None:
        """Say nothing at the end."""
