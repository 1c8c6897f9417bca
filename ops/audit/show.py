"""Shows an audit: as a table for people, or as JSON lines for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ops.audit.finding import Finding, Result, Severity, Verdict
from ops.audit.run import Audit
from ops.console import say, show_table

_HEADING = ("destination", "severity", "finding", "count", "first of them")
_ORDER = list(Severity)


def show_findings(results: Sequence[Result]) -> None:
    """Show a row for each kind of finding at each destination."""
    rows = [row for result in results for row in _rows(result)]
    if rows:
        show_table(_HEADING, rows)
        say()


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    by_code: dict[str, list[Finding]] = {}
    for finding in result.findings:
        by_code.setdefault(finding.code, []).append(finding)
    for code, found in sorted(by_code.items(), key=lambda each: _ORDER.index(each[1][0].severity)):
        first, count = found[0], sum(finding.count for finding in found)
        detail = f"{first.key}: {first.detail}" if first.key else first.detail
        yield result.destination, first.severity, code, str(count), detail


def summarize(audit: Audit, verdicts: Counter[Verdict], *, requests: int) -> dict[str, int]:
    """Return the figures of an audit."""
    return {
        "destinations": verdicts.total(),
        **{verdict.value: verdicts[verdict] for verdict in Verdict},
        "judged": audit.judged,
        "unchanged": audit.kept,
        "other_files": audit.other_files,
        "requests": requests,
    }


def show_summary(figures: dict[str, int]) -> None:
    """Show the figures of an audit to a person."""
    say(
        f"{figures['destinations']} destinations: {figures['clean']} clean,"
        f" {figures['waste']} clean with orphans, {figures['damaged']} damaged,"
        f" {figures['unpublished']} never published"
    )
    say(
        f"{figures['judged']} were judged, {figures['unchanged']} are unchanged since the last"
        f" audit; {figures['other_files']} files beside them; {figures['requests']} requests"
    )
