"""Verification: each way in which a run can be less than was planned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.digests import without_digests
from tests.unit.sample import plan, run
from worker.errors import VerificationError
from worker.records.segment import Segment
from worker.storage.base import StoredObject
from worker.upload.verify import verify_run

Renditions = dict[str, tuple[Segment, ...]]

PLAN = plan()
LAST = f"run/{run(PLAN).renditions['720p'][2].name}"


def renditions() -> Renditions:
    return {name: tuple(segments) for name, segments in run(PLAN).renditions.items()}


def listing(of: Renditions) -> dict[str, StoredObject]:
    return {
        f"run/{s.name}": StoredObject(bytes=s.bytes, etag=s.etag)
        for segments in of.values()
        for s in segments
    }


def faults(of: Renditions, there: dict[str, StoredObject] | None = None) -> str:
    with pytest.raises(VerificationError) as raised:
        verify_run(run(PLAN, renditions=of), listing(of) if there is None else there)
    return without_digests(str(raised.value))


def test_a_whole_run_passes() -> None:
    verify_run(run(PLAN), listing(renditions()))


def test_a_rung_without_a_segment() -> None:
    of = renditions()
    of["720p"] = ()
    assert "720p has 0 of 3 segments" in faults(of)


def test_a_missing_segment_in_the_middle() -> None:
    of = renditions()
    of["480p"] = of["480p"][:1] + of["480p"][2:]
    assert "480p has 2 of 3 segments" in faults(of)


def test_a_missing_frame() -> None:
    of = renditions()
    short = replace(of["1080p"][1], end_ticks=of["1080p"][1].end_ticks - 3000)
    of["1080p"] = (of["1080p"][0], short, of["1080p"][2])
    assert "1080p/00001.ts lasts from tick 540000 to 1077000, unlike the plan" in faults(of)


def test_rungs_that_show_different_frames() -> None:
    """A player that changes the rung would see one twice, or miss one."""
    of = renditions()
    other = replace(of["720p"][1], frames=101)
    of["720p"] = (of["720p"][0], other, of["720p"][2])
    assert "720p/00001.ts 101" in faults(of)


def test_a_codec_that_changes_within_the_run() -> None:
    of = renditions()
    of["1080p"] = (replace(of["1080p"][0], codec="avc1.64001f"), *of["1080p"][1:])
    assert "changes its codec" in faults(of)


@pytest.mark.parametrize("is_named", [True, False])
def test_no_audio(*, is_named: bool) -> None:
    of = renditions()
    if is_named:
        of["audio"] = ()
    else:
        del of["audio"]
    assert "the audio has no segment" in faults(of)


def test_audio_with_a_gap() -> None:
    of = renditions()
    of["audio"] = (of["audio"][0], *of["audio"][2:])
    assert "gap" in faults(of)


def test_audio_that_jumps() -> None:
    of = renditions()
    late = replace(of["audio"][1], start_ticks=of["audio"][1].start_ticks + 2000)
    of["audio"] = (of["audio"][0], late, *of["audio"][2:])
    assert "breaks between audio/00000.ts and audio/00001.ts" in faults(of)


@pytest.mark.parametrize("frames", [1, 2])
def test_audio_that_ends_early(frames: int) -> None:
    of = renditions()
    last = of["audio"][-1]
    of["audio"] = (*of["audio"][:-1], replace(last, end_ticks=last.end_ticks - 1920 * frames))
    assert "from the video's end" in faults(of)


def test_a_segment_that_the_store_lost() -> None:
    there = listing(renditions())
    del there[LAST]
    assert "720p/00002.ts is not in the store" in faults(renditions(), there)


@pytest.mark.parametrize("changes", [{"bytes": 1}, {"etag": "other"}])
def test_a_segment_that_the_store_changed(changes: dict[str, Any]) -> None:
    there = listing(renditions())
    there[LAST] = replace(there[LAST], **changes)
    assert "not in the store as it was written" in faults(renditions(), there)


def test_many_faults_are_counted_and_not_all_named() -> None:
    message = faults(renditions(), {})
    assert message.count("not in the store") == 5
    assert "and 7 more" in message


MUXED = plan("--audio", "muxed")


def muxed_faults(**changes: Any) -> str:
    """What is wrong with a muxed run whose second segment of 720p differs."""
    of = dict(run(MUXED).renditions)
    first, second, *rest = of["720p"]
    of["720p"] = (first, replace(second, **changes), *rest)
    with pytest.raises(VerificationError) as raised:
        verify_run(run(MUXED, renditions=of), None)
    return without_digests(str(raised.value))


def test_a_muxed_run_passes() -> None:
    assert MUXED.is_muxed
    verify_run(run(MUXED), None)


def test_muxed_audio_breaks_at_a_joint() -> None:
    """An AAC frame is missing, or is there twice, or all of it is missing."""
    bounds = run(MUXED).renditions["720p"][1]
    assert bounds.audio_start_ticks
    start = bounds.audio_start_ticks
    joint = "the audio breaks between 720p/00000.ts and 720p/00001.ts"
    assert joint in muxed_faults(audio_start_ticks=start + 1920)
    assert joint in muxed_faults(audio_start_ticks=start - 1920)
    gone = muxed_faults(audio_start_ticks=None, audio_end_ticks=None)
    assert "the audio breaks between 720p/00000.ts and 720p/00002.ts" in gone
    assert "720p/00001.ts lasts from tick" in gone


def test_muxed_audio_is_as_long_as_the_audio() -> None:
    of = dict(run(MUXED).renditions)
    of["audio"] = tuple(
        replace(s, start_ticks=s.start_ticks - 1, end_ticks=s.end_ticks - 1) for s in of["audio"]
    )
    with pytest.raises(VerificationError, match="the audio in 1080p is not as long"):
        verify_run(run(MUXED, renditions=of), None)


def test_audio_where_none_was_planned() -> None:
    of = renditions()
    of["720p"] = (replace(of["720p"][0], audio_start_ticks=0, audio_end_ticks=0), *of["720p"][1:])
    assert "720p/00000.ts lasts from tick" in faults(of)
