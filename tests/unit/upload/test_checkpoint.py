"""What of an earlier job's segments counts."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.unit.fakes import RecordingStore, retrying
from tests.unit.sample import plan, rung_segments
from worker.errors import TakenError
from worker.hls.encryption import CLEAR
from worker.hls.segment import encoded_codec
from worker.layout import CHECKPOINT, json_file, segment_file
from worker.plan.plan import Plan
from worker.records.checkpoint import CheckpointRecord
from worker.records.segment import Segment
from worker.runtime.budget import Budget
from worker.storage.base import ListingDeniedError, StoredObject
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
    return recall(retrying(store, budget), "run", a_plan, CLEAR, budget=budget, threads=1)


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


def test_of_two_segments_of_one_index_the_usable_one_counts() -> None:
    """Two attempts met, and one of them left a segment that ends early."""
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    short = replace(second, md5="f" * 32, end_ticks=second.end_ticks - 90_000)
    early = replace(second, md5="0" * 32, end_ticks=second.end_ticks - 90_000)
    found = recalled(stored(first, short, second, early)).renditions()[RUNG]
    assert [s.md5 for s in found] == [first.md5, second.md5]


def test_a_segment_whose_name_is_not_that_of_its_content_does_not_count() -> None:
    """It is read, as it is not recorded so: here its bytes are not even a segment."""
    first, *_ = rung_segments(A_PLAN, RUNG)
    store = stored(first)
    store.objects[f"run/{first.name}"] = b"something else"
    with capture_logs() as logs:
        assert recalled(store).count == 0
    assert [entry["event"] for entry in logs] == ["stored_segment_refused"]


def test_a_checkpoint_that_another_job_wrote_is_not_replaced() -> None:
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    store = stored(first)
    mine, theirs = recalled(store), recalled(store)
    theirs.add(second)
    theirs.save(retrying(store))
    theirs.save(retrying(store))
    before = store.objects[f"run/{CHECKPOINT}"]
    mine.add(replace(second, md5="f" * 32))
    with pytest.raises(TakenError, match=r"another job wrote run/checkpoint\.json"):
        mine.save(retrying(store))
    assert store.objects[f"run/{CHECKPOINT}"] == before


def test_where_nothing_may_be_listed_nothing_is_recalled() -> None:
    class Unlisted(RecordingStore):
        def list(self, prefix: str) -> dict[str, StoredObject]:
            raise ListingDeniedError(prefix)

    store = Unlisted()
    first, *_ = rung_segments(A_PLAN, RUNG)
    store.objects = stored(first).objects
    with capture_logs() as logs:
        checkpoint = recalled(store)
    assert checkpoint.count == 0
    assert [entry["event"] for entry in logs] == ["listing_denied"]
    checkpoint.add(first)
    checkpoint.save(retrying(store))


def test_one_machines_own_checkpoint_may_be_deleted_meanwhile() -> None:
    """Whoever publishes deletes those of all machines: no other job has written it."""
    first, second, *_ = rung_segments(A_PLAN, RUNG)
    store = RecordingStore()
    own = Checkpoint("run", {}, key="run/team-01234567/checkpoints/one.json")
    own.add(first)
    own.save(retrying(store))
    store.objects.clear()
    own.add(second)
    own.save(retrying(store))
    assert list(store.objects) == ["run/team-01234567/checkpoints/one.json"]
