"""What of an earlier job's segments counts."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace

from tests.unit.fakes import RecordingStore, steady
from tests.unit.sample import plan, rung_segments
from worker.hls.segment import Segment
from worker.layout import CHECKPOINT
from worker.plan.plan import Plan
from worker.runtime.budget import Budget
from worker.upload.checkpoint import Checkpoint, recall

A_PLAN = plan(audio=None, declared_s=None)
RUNG = A_PLAN.rungs[-1].name


def stored(*segments: Segment) -> RecordingStore:
    """A store with a record of these segments, and bytes that agree with it."""
    store = RecordingStore()
    recorded = []
    for each in segments:
        key = f"run/{each.name}"
        found = store.put(key, b"of any kind", content_type="", cache_control="")
        recorded.append(replace(each, bytes=found.bytes, etag=found.etag))
    record = {"schema": 3, "run": "run", "segments": [asdict(each) for each in recorded]}
    store.put(f"run/{CHECKPOINT}", json.dumps(record).encode(), content_type="", cache_control="")
    return store


def recalled(store: RecordingStore, a_plan: Plan = A_PLAN) -> Checkpoint:
    budget = Budget(time_limit_s=60, clock=time.monotonic)
    return recall(steady(store, budget), "run", a_plan, {}, budget=budget, threads=1)


def test_what_is_recorded_and_there_counts() -> None:
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    assert [s.index for s in recalled(stored(first, second)).renditions()[RUNG]] == [0, 1]


def test_a_recorded_segment_that_ends_early_is_made_again() -> None:
    """An FFmpeg that was out of memory may have announced what it had begun."""
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    short = replace(second, end_ticks=second.end_ticks - 90_000)
    assert [s.index for s in recalled(stored(first, short)).renditions()[RUNG]] == [0]
