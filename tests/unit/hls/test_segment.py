"""A video segment is compared with the grid; duplicate frames may be missing within."""

from __future__ import annotations

import pytest

from tests.unit.sample import plan
from worker.errors import VerificationError
from worker.hls.mpegts import SegmentReading, _read_aac
from worker.hls.segment import is_whole, measure_segment
from worker.hls.transport import MalformedSegmentError, Pes
from worker.plan.plan import Plan
from worker.records.segment import Segment

PLAN: Plan = plan()
ZERO = 10 * 90_000
FRAME = 3000


def measure(
    monkeypatch: pytest.MonkeyPatch, frames: list[int], *, index: int = 1, late: int = 0
) -> Segment:
    """Measure a segment that shows these frames of the video, some ticks late."""
    times = tuple(ZERO + FRAME * frame + late for frame in frames)
    reading = SegmentReading(
        codec="avc1.640028",
        frames=len(times),
        first_pts_ticks=times[0],
        last_pts_ticks=times[-1],
        end_ticks=None,
        starts_with_keyframe=True,
        times_ticks=times,
    )
    monkeypatch.setattr("worker.hls.segment.read_segment", lambda _: reading)
    return measure_segment(PLAN, "1080p", index, b"")


def test_every_frame_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = measure(monkeypatch, list(range(180, 360)))
    assert (segment.frames, segment.start_ticks, segment.end_ticks) == (180, 540_000, 1_080_000)
    assert is_whole(PLAN, segment)


def test_what_repeats_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = measure(monkeypatch, [180, 210, 222, 359])
    assert segment.frames == 4
    assert is_whole(PLAN, segment)


def test_an_early_end_is_seen_in_the_last_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    segment = measure(monkeypatch, [180, 210, 358])
    assert segment.end_ticks == 1_080_000 - FRAME
    assert not is_whole(PLAN, segment)


def test_the_last_segment_may_be_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_whole(PLAN, measure(monkeypatch, [360, 399], index=2))


@pytest.mark.parametrize(
    ("frames", "late", "fault"),
    [
        ([181, 359], 0, "frames 181 to 359, not 180 to 359"),
        ([180, 360], 0, "frames 180 to 360, not 180 to 359"),
        ([180, 200, 200, 359], 0, "two frames at one time"),
        ([180, 359], 5, "frame 180 is at tick 1440005, not 1440000"),
    ],
)
def test_frames_at_other_times(
    monkeypatch: pytest.MonkeyPatch, frames: list[int], late: int, fault: str
) -> None:
    with pytest.raises(VerificationError, match=fault):
        measure(monkeypatch, frames, late=late)


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ([0, 7680, 15_361], None),
        # Half a second of silence put in, a frame left out of the count, and time that runs back.
        ([0, 7680, 60_360], "AAC frame 8 is at 60360 ticks from the first, not at 15360"),
        ([0, 7680, 13_440], "AAC frame 8 is at 13440"),
        ([0, 7680, -720_000], "AAC frame 8 is at -720000"),
    ],
)
def test_aac_frames_follow_one_another(times: list[int], fault: str | None) -> None:
    """Four frames of 48 kHz in each PES packet."""
    header = bytes((0xFF, 0xF1, 0x4C, 0x80, 0x00, 0xFF, 0xFC))
    units = [Pes(900_000 + at, 900_000 + at, 4 * header, 0, 0) for at in times]
    if fault:
        with pytest.raises(MalformedSegmentError, match=fault):
            _read_aac(units)
    else:
        assert _read_aac(units).frames == 12
