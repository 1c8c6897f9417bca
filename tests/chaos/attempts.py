"""One worker of a chaos run by its own log, and what interfering with it cost."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

# From FFmpeg's last byte of a segment to the store's answer, on a busy machine.
LONGEST_UPLOAD_S = 5.0


@dataclass
class Tally:
    """The figures of one lecture, or of many. Seconds are of encoding, unless stated otherwise."""

    kills: int = 0
    overtaken: int = 0
    encoded: int = 0
    again: int = 0
    reads: int = 0
    encode_s: float = 0.0
    lost_s: float = 0.0
    # Of each job that resumed: from its start to FFmpeg's, and to its first new segment.
    to_ffmpeg_s: list[float] = field(default_factory=list)
    to_segment_s: list[float] = field(default_factory=list)
    stops_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Attempt:
    """One worker by its own log: when each event was, in seconds from its start."""

    status: int
    lasted_s: float
    was_killed: bool
    events: list[dict[str, Any]]

    def when(self, name: str, **fields: object) -> list[float]:
        """Return the times of all events with these fields."""
        return [
            event["at_s"]
            for event in self.events
            if event["event"] == name and fields.items() <= event.items()
        ]

    @property
    def encoded(self) -> dict[tuple[str, int], float]:
        """Video segments that FFmpeg finished, and when."""
        return {
            (event["rendition"], event["index"]): event["at_s"]
            for event in self.events
            if event["event"] == "segment_encoded" and event["rendition"] != "audio"
        }

    @property
    def encoding(self) -> tuple[float, float] | None:
        """From when to when it encoded video."""
        started = self.when("span_started")
        ended = self.when("step_started", step="verify")
        return (started[0], (ended or [self.lasted_s])[0]) if started else None

    def lost_s(self, lost: set[tuple[str, int]]) -> float:
        """Return the seconds of encoding since the last segment that every rung kept."""
        if self.encoding is None or not self.was_killed or self.when("step_started", step="verify"):
            return 0.0
        kept: dict[str, float] = {}
        for (rung, index), at_s in self.encoded.items():
            if (rung, index) not in lost:
                kept[rung] = max(at_s, kept.get(rung, 0.0))
        return self.lasted_s - max(self.when("span_started")[-1], min(kept.values(), default=0.0))


def read_attempt(
    stdout: str, *, status: int, started_s: float, was_killed: bool = False
) -> Attempt:
    """Read a worker's log; `started_s` is when it was started, by the calendar."""
    events = []
    for line in stdout.splitlines():
        # The last line of a killed worker may be cut.
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            event["at_s"] = datetime.fromisoformat(event["timestamp"]).timestamp() - started_s
            events.append(event)
    return Attempt(status, time.time() - started_s, was_killed, events)


def count_losses(attempts: Sequence[Attempt], tally: Tally) -> None:
    """Add what had to be encoded again after each kill, and how soon each job continued."""
    for number, made in enumerate(attempts):
        later = {segment for other in attempts[number + 1 :] for segment in other.encoded}
        lost = made.encoded.keys() & later
        tally.encoded += len(made.encoded)
        tally.again += len(lost)
        # A fast preset, and a copy, finish several while the first one is being uploaded.
        waiting_s = max((made.lasted_s - made.encoded[each] for each in lost), default=0.0)
        if waiting_s > LONGEST_UPLOAD_S:
            tally.wrong.append(f"a segment was finished {waiting_s:.1f} s ago, and lost: {lost}")
        tally.lost_s += made.lost_s(lost)
        if made.encoding:
            tally.encode_s += made.encoding[1] - made.encoding[0]
        if any(event.get("segments_resumed") for event in made.events):
            tally.to_ffmpeg_s += made.when("span_started")[:1]
            tally.to_segment_s += list(made.encoded.values())[:1]
