"""checkpoint.json: the segments of a run that the store has confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from worker.records.base import Record
from worker.records.segment import Segment


class CheckpointRecord(Record):
    """A run's plan, as plain data for people, and its segments.

    `refusal`: why its source was refused after it was decoded, with its segments stored.

    Schema versions before 4 lack fields of segments: their segments are read from the store.
    """

    # Thousands of segments, for programs alone.
    _indent: ClassVar[int | None] = None

    schema_version: Literal[4] = 4
    run: str
    plan: Mapping[str, Any]
    segments: tuple[Segment, ...]
    refusal: str | None = None
