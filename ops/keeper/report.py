"""What a run of the keeper found and did: for the terminal, as JSON, as a message. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ops.batch.result import Result
from ops.console import clean

HEADING = ("video", "job", "outcome", "message and what to do")
# A message of SNS has 256 KiB at most.
_MOST_REPORTED = 100
_MOST_CHARS = 1500


class Kind(StrEnum):
    """What became of a video in this run."""

    PUBLISHED = "published"
    ACTIVE = "active"
    PAUSED = "paused"
    PENDING = "pending"
    RESUBMITTED = "resubmitted"
    PERSON = "person"
    PROBLEM = "problem"


_MEANINGS = {
    Kind.PUBLISHED: "published",
    Kind.ACTIVE: "waiting or running",
    Kind.PAUSED: "to be resubmitted after a pause",
    Kind.PENDING: "resubmitted, not listed yet",
    Kind.RESUBMITTED: "resubmitted now",
    Kind.PERSON: "for a person",
    Kind.PROBLEM: "not decided, because of a problem",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One video: `job_id` is the job that decided; `text` says what was done, or is to be done."""

    kind: Kind
    video: str
    job_id: str = ""
    text: str = ""
    result: Result | None = None

    @property
    def outcome(self) -> str:
        """How the job ended, with its exit status."""
        return f"{self.result.outcome} ({self.result.exit_status})" if self.result else ""

    @property
    def row(self) -> tuple[str, str, str, str]:
        """The entry as a row below HEADING."""
        message = self.result.message if self.result else ""
        return self.video, self.job_id, self.outcome, "; ".join(filter(None, (message, self.text)))


@dataclass(kw_only=True, slots=True)
class Report:
    """A whole run. `notes`: what was cut, or left for the next run.

    `busy`: destinations of which the queue has something to do; `needed`: sources of videos that
    are not published. Not all of them unless `is_whole`: then every job of the queue was read.
    """

    dry_run: bool
    is_whole: bool
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)

    def add(self, entry: Entry, sources: Iterable[str]) -> None:
        """Add what became of a video, whose jobs read these sources."""
        self.entries.append(entry)
        if entry.kind is not Kind.PUBLISHED:
            self.needed.update(sources)
            if entry.kind is not Kind.PERSON:
                self.busy.add(entry.video)

    def of(self, *kinds: Kind) -> list[Entry]:
        """Return the entries of these kinds."""
        return [entry for entry in self.entries if entry.kind in kinds]


def describe(report: Report) -> Iterator[str]:
    """Yield the lines above and below the table of what needs a person."""
    would = "would be " if report.dry_run else ""
    for entry in report.of(Kind.RESUBMITTED):
        yield f"{would}resubmitted  {entry.video}: {entry.text}"
    for entry in report.of(Kind.PAUSED, Kind.PENDING):
        yield f"waits        {entry.video}: {entry.text}"
    for entry in report.of(Kind.PROBLEM):
        yield f"not decided  {entry.video}: {entry.text}"
    for name in report.deleted:
        yield f"{would}deleted      {name}"
    yield from report.notes
    counts = Counter(entry.kind for entry in report.entries)
    parts = [f"{counts[kind]} {meaning}" for kind, meaning in _MEANINGS.items() if counts[kind]]
    yield f"{len(report.entries)} videos: {', '.join(parts) or 'none'}."


def to_json(report: Report) -> str:
    """Write a run as one JSON object."""
    answer = {
        "dry_run": report.dry_run,
        "videos": [
            {
                "video": entry.video,
                "is": entry.kind,
                "job_id": entry.job_id or None,
                "outcome": entry.result.outcome if entry.result else None,
                "exit_status": entry.result.exit_status if entry.result else None,
                "message": clean(entry.result.message) if entry.result else None,
                "text": clean(entry.text) or None,
            }
            for entry in report.entries
        ],
        "deleted": report.deleted,
        "notes": report.notes,
    }
    return json.dumps(answer, ensure_ascii=False)


def to_message(entries: Sequence[Entry]) -> tuple[str, str]:
    """Return subject and text of a message about what newly needs a person."""
    noun = "video needs" if len(entries) == 1 else "videos need"
    lines = [f"{len(entries)} {noun} a person; the keeper does not resubmit:", ""]
    for entry in entries[:_MOST_REPORTED]:
        video, job_id, outcome, text = map(clean, entry.row)
        lines += [f"{video}", f"  {outcome}: {text[:_MOST_CHARS]}", f"  scripts/jobs {job_id}", ""]
    if more := len(entries) - _MOST_REPORTED:
        lines += [f"and {more} more"] if more > 0 else []
    lines.append("All of them: scripts/keep --dry-run")
    return f"{len(entries)} {noun} a person", "\n".join(lines)
