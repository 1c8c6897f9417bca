"""What a job tells of itself in the manifest: its pace, its changes of plan, its warnings. Pure.

All of it is bounded, however long the job takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

_MOST_MOMENTS = 64
_DECISIONS_KEPT = 20
_WARNINGS_KEPT = 20
_MOST_CHARS = 300
# What is bound to every line, or stands in the entry by itself.
_OWN = frozenset({"event", "level", "timestamp", "job_id"})


class Account:
    """Filled while the job goes on; moments are (seconds of the job, seconds of video encoded)."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, float]] = []
        self._least_step_s = 0.0
        self._decisions: deque[dict[str, Any]] = deque(maxlen=_DECISIONS_KEPT)
        self._warnings: deque[dict[str, str]] = deque(maxlen=_WARNINGS_KEPT)

    def encoded(self, at_s: float, video_s: float) -> None:
        """Note how far the encode is; when there are many moments, every second one is dropped."""
        moment = (round(at_s, 2), round(video_s, 2))
        if self._moments and moment[0] - self._moments[-1][0] < self._least_step_s:
            return
        self._moments.append(moment)
        if len(self._moments) >= _MOST_MOMENTS:
            span_s = self._moments[-1][0] - self._moments[0][0]
            self._least_step_s = 2 * span_s / _MOST_MOMENTS
            self._moments = self._moments[::2]

    def decided(self, decision: Mapping[str, Any]) -> None:
        """Note a change of plan."""
        self._decisions.append(dict(decision))

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """The last changes of plan."""
        return list(self._decisions)

    def warned(self, event: Mapping[str, Any]) -> None:
        """Note a warning as it was logged; the last ones are kept."""
        detail = ", ".join(f"{key}: {event[key]}" for key in event if key not in _OWN)
        self._warnings.append({"event": str(event["event"]), "detail": detail[:_MOST_CHARS]})

    def tell(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the manifest's section, with what the job found out about its encode."""
        kept = ("encode_s", "speed", "segments", "segments_resumed")
        return {
            **{name: facts[name] for name in kept if name in facts},
            "progress": [list(moment) for moment in self._moments],
            "decisions": self.decisions,
            "warnings": list(self._warnings),
        }
