"""Remembers which segments of a run are in the store."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

from worker.segment import Segment
from worker.store.base import Store

CHECKPOINT = "checkpoint.json"
_SCHEMA = 1


class Checkpoint:
    """The segments of one run that the store has confirmed; filled by many threads.

    `save` writes it beside the segments, with the plan as plain data, so that a later job can go on
    from there and a reader sees what was meant.
    """

    def __init__(self, run: str, plan: Mapping[str, Any]) -> None:
        self.run = run
        self._plan = plan
        self._segments: dict[tuple[str, int], Segment] = {}
        self._lock = threading.Lock()
        self._saved: int | None = None

    def add(self, segment: Segment) -> None:
        """Record a segment that is in the store."""
        with self._lock:
            self._segments[segment.rendition, segment.index] = segment

    def renditions(self) -> dict[str, tuple[Segment, ...]]:
        """Return the segments of each rendition, in order."""
        return {
            rendition: tuple(segments)
            for rendition, segments in groupby(self._ordered(), key=lambda s: s.rendition)
        }

    def _ordered(self) -> list[Segment]:
        with self._lock:
            return sorted(self._segments.values(), key=lambda s: (s.rendition, s.index))

    @property
    def count(self) -> int:
        """Number of segments recorded."""
        return len(self._segments)

    def save(self, store: Store) -> None:
        """Write the record, if it has grown since it was last written."""
        segments = self._ordered()
        if len(segments) == self._saved:
            return
        record = {
            "schema": _SCHEMA,
            "run": self.run,
            "plan": self._plan,
            "segments": [asdict(segment) for segment in segments],
        }
        store.put(
            f"{self.run}/{CHECKPOINT}",
            json.dumps(record, separators=(",", ":")).encode(),
            content_type="application/json",
            cache_control="no-cache",
        )
        self._saved = len(segments)
