"""What of an earlier job's segments counts."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.unit.fakes import RecordingStore, retrying
from tests.unit.sample import plan, rung_segments
from worker.hls.segment import encoded_codec
from worker.layout import CHECKPOINT, json_file, segment_file
from worker.plan.plan import Plan
from worker.records.checkpoint import CheckpointRecord
from worker.records.segment import Segment
from worker.runtime.budget import Budget
from worker.upload.checkpoint import Checkpoint, recall

A_PLAN = plan(audio=None, declared_s=None)
RUNG = A_PLAN.rungs[-1].name


def stored(*segments: Segment) -> RecordingStore:
    """A store with a record of these segments, and bytes that agree with it."""
    store = RecordingStore()
    recorded = []
    for each in segments:
        found = store.put(segment_file(f"run/{each.name}", b"of any kind"))
        recorded.append(replace(each, bytes=found.bytes, etag=found.etag))
    record = CheckpointRecord(run="run", plan={}, segments=tuple(recorded))
    store.put(json_file(f"run/{CHECKPOINT}", record.to_json()))
    return store


def recalled(store: RecordingStore, a_plan: Plan = A_PLAN) -> Checkpoint:
    budget = Budget(time_limit_s=60, clock=time.monotonic)
    return recall(retrying(store, budget), "run", a_plan, {}, budget=budget, threads=1)


def test_what_is_recorded_and_there_counts() -> None:
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    assert [s.index for s in recalled(stored(first, second)).renditions()[RUNG]] == [0, 1]


def test_a_recorded_segment_that_ends_early_is_made_again() -> None:
    """An FFmpeg that was out of memory may have announced what it had begun."""
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    short = replace(second, end_ticks=second.end_ticks - 90_000)
    assert [s.index for s in recalled(stored(first, short)).renditions()[RUNG]] == [0]


def test_a_recorded_segment_of_another_codec_string_is_made_again() -> None:
    """Or the run would mix them, and be refused at its end each time it is submitted again."""
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    assert second.codec == "avc1.64001f"
    main = replace(second, codec="avc1.4d401f")
    assert [s.index for s in recalled(stored(first, main)).renditions()[RUNG]] == [0]


def test_where_each_frame_is_a_keyframe_the_codec_string_has_a_flag() -> None:
    a_plan = plan("--segment", "1", audio=None, declared_s=None)
    intra = replace(a_plan, grid=replace(a_plan.grid, segment_frames=1))
    assert encoded_codec(a_plan, a_plan.rungs[-1]) == "avc1.64001f"
    assert encoded_codec(intra, intra.rungs[-1]) == "avc1.64101f"


def test_a_copied_rung_keeps_the_codec_string_of_the_source() -> None:
    copied = replace(A_PLAN, rungs=(replace(A_PLAN.rungs[-1], is_copied=True),))
    first, *_ = rung_segments(A_PLAN, RUNG)
    assert recalled(stored(replace(first, codec="avc1.4d401f")), copied).count == 1


def test_a_record_that_cannot_be_read_counts_for_nothing() -> None:
    """Of an older version, damaged, or another run's: then the segments themselves are read."""
    first, *_ = rung_segments(A_PLAN, RUNG)
    for text in (b"{", b'{"schema": 3, "run": "run", "segments": []}', b"[]"):
        store = stored(first)
        store.objects[f"run/{CHECKPOINT}"] = text
        assert recalled(store).count == 0, "its bytes are no segment"
    other = stored(first)
    record = CheckpointRecord(run="other", plan={}, segments=(first,))
    other.objects[f"run/{CHECKPOINT}"] = record.to_json()
    assert recalled(other).count == 0
