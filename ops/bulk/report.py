"""The report of a list: what became of each row, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.batch.cost import cost_of
from ops.bulk.check import Fault
from ops.bulk.upload import Phase, Progress
from ops.console import clean, duration, say, show_table
from ops.errors import OK, UNREADABLE, UnexpectedError, UsageError

SUFFIXES = (".csv", ".json")
UNKNOWN = "unknown"
# Of rows that are explained on the screen; the report file has all.
_SHOWN = 50
_COLUMNS = (
    *("line", "state", "source", "destination", "job_id", "exit_status", "outcome", "code"),
    *("message", "advice", "teacher_en", "teacher_ko", "seconds", "cost"),
)


def row_record(each: Progress, *, price: float | None = None) -> dict[str, Any]:
    """Return what is known of a row; None is unknown. `price`: of a vCPU-hour."""
    end = each.end
    sentence = end.teacher_message if end else None
    return {
        "line": each.row.line,
        "state": str(each.phase),
        # Without the query of a URL.
        "source": each.row.source,
        "destination": str(each.row.destination),
        "job_id": each.job_id,
        "exit_status": end.exit_status if end else None,
        "outcome": end.outcome if end else None,
        "code": end.code if end else None,
        "message": end.message if end else None,
        "advice": end.advice if end else None,
        "teacher_en": sentence.en if sentence else None,
        "teacher_ko": sentence.ko if sentence else None,
        "seconds": end.seconds if end else None,
        "cost": cost_of(end.seconds, end.vcpus, price) if end else None,
    }


def fault_record(fault: Fault) -> dict[str, Any]:
    """Return a row that could not be submitted as it is written."""
    return {"line": fault.line, "state": "bad row", "message": fault.message}


def summary(
    rows: Sequence[Progress], faults: Sequence[Fault], *, price: float | None
) -> dict[str, Any]:
    """Return counts by state, and the sums that were measured."""
    counts = Counter(str(each.phase) for each in rows)
    records = [row_record(each, price=price) for each in rows]
    seconds = [r["seconds"] for r in records if r["seconds"] is not None]
    costs = [r["cost"] for r in records if r["cost"] is not None]
    return {
        "rows": len(rows) + len(faults),
        **{str(phase): counts[phase] for phase in Phase},
        "bad rows": len(faults),
        "seconds": round(sum(seconds), 1) if seconds else None,
        # A sum of what is known would pass for the cost of all.
        "cost": round(sum(costs), 4) if costs and len(costs) == len(seconds) else None,
    }


def exit_status(rows: Sequence[Progress], faults: Sequence[Fault]) -> int:
    """Return the status of the command: that of the worst row."""
    phases = {each.phase for each in rows}
    if phases & {Phase.FAILED, Phase.SKIPPED}:
        return UnexpectedError.exit_status
    if Phase.REFUSED in phases:
        return UNREADABLE
    return UsageError.exit_status if faults else OK


def write_report(
    path: Path, records: Sequence[Mapping[str, Any]], total: Mapping[str, Any]
) -> None:
    """Write all rows to a file, in the form that its name says.

    Raises:
        UsageError: it cannot be written.

    """
    if path.suffix.lower() == ".csv":
        text = _csv(records)
    else:
        report = {"summary": total, "rows": records}
        text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
    try:
        path.write_text(text, encoding="utf-8-sig" if path.suffix.lower() == ".csv" else "utf-8")
    except OSError as error:
        raise UsageError(f"--report {path} cannot be written: {error.strerror}") from error


def check_report_path(path: Path) -> None:
    """Refuse a report that could not be written, before anything is submitted.

    Raises:
        UsageError: its folder is not there, or its name says no form.

    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--report {path}: its name ends with {' or '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--report {path}: there is no folder {path.absolute().parent}")


def show_report(
    rows: Sequence[Progress], faults: Sequence[Fault], total: Mapping[str, Any]
) -> None:
    """Show counts and what was not published, each with its reason and sentence for the teacher."""
    bad = [each for each in rows if each.end and each.phase is not Phase.PUBLISHED]
    if bad:
        show_table(
            ("line", "state", "destination", "why"),
            [(str(e.row.line), e.phase, str(e.row.destination), _why(e)) for e in bad[:_SHOWN]],
        )
    for fault in faults[: _SHOWN - len(bad[:_SHOWN])]:
        say(f"line {fault.line}: not submitted: {fault.message}")
    if (left := len(bad) + len(faults) - _SHOWN) > 0:
        say(f"… and {left} more (--report FILE has all)")
    names = [name for name in total if name not in {"seconds", "cost"}]
    say(", ".join(f"{total[name]} {name}" for name in names if total[name]))
    ran = UNKNOWN if total["seconds"] is None else duration(total["seconds"])
    cost = UNKNOWN if total["cost"] is None else f"{total['cost']:.2f}"
    say(f"jobs ran {ran} in all; cost {cost}")


def _why(each: Progress) -> str:
    end = each.end
    if end is None:
        return ""
    words = [f"{end.code or end.outcome}: {end.message}"]
    if end.teacher_message:
        words.append(f"[{end.teacher_message.en}] [{end.teacher_message.ko}]")
    elif end.advice:
        words.append(f"-> {end.advice}")
    return " ".join(words)


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(name, record.get(name)) for name in _COLUMNS})
    return file.getvalue()


def _cell(name: str, value: object) -> str:
    if value is None:
        return UNKNOWN if name == "cost" else ""
    text = clean(str(value))
    # A spreadsheet would run it: file names are strangers'.
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text
