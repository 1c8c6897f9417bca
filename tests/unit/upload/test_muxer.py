"""When a segment of video may be muxed, and where the audio comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.fakes import RecordingStore, retrying
from tests.unit.sample import audio_segments, plan
from worker.errors import CannotWriteError, VerificationError
from worker.hls.encryption import CLEAR
from worker.records.segment import Segment
from worker.upload.checkpoint import Checkpoint
from worker.upload.muxer import Muxer

MUXED, SEPARATE = plan("--audio", "muxed"), plan()
AUDIO = audio_segments(MUXED)
LAST = MUXED.grid.segment_count - 1


def muxer(folder: Path, *recalled: Segment, is_muxed: bool = True) -> Muxer:
    checkpoint = Checkpoint("run", {})
    for segment in recalled:
        checkpoint.add(segment)
    store = retrying(RecordingStore())
    a_plan = MUXED if is_muxed else SEPARATE
    return Muxer(a_plan, CLEAR, store=store, checkpoint=checkpoint, folder=folder)


def is_ready(found: Muxer, rendition: str, index: int) -> bool:
    return found.needed_ticks(rendition, index) <= found.reached_ticks


def test_a_segment_waits_until_its_audio_is_there(tmp_path: Path) -> None:
    found = muxer(tmp_path)
    for _ in AUDIO:
        found.announce()
    assert is_ready(found, "audio", 0)
    assert not is_ready(found, "720p", 0)
    # Another thread was faster: there is a gap before it.
    found.add(AUDIO[1])
    assert not is_ready(found, "720p", 0)
    found.add(AUDIO[0])
    assert is_ready(found, "720p", 0)
    assert is_ready(found, "720p", 1)
    assert not is_ready(found, "720p", LAST)


def test_the_last_segment_waits_for_the_end_of_the_audio(tmp_path: Path) -> None:
    """There may be a frame more than the video is long."""
    found = muxer(tmp_path)
    for segment in AUDIO:
        found.announce()
        found.add(segment)
    assert not is_ready(found, "720p", LAST)
    found.end()
    assert is_ready(found, "720p", LAST)


def test_what_is_on_its_way_is_waited_for(tmp_path: Path) -> None:
    found = muxer(tmp_path)
    for _ in AUDIO:
        found.announce()
    found.end()
    for segment in AUDIO:
        assert not is_ready(found, "720p", LAST)
        found.add(segment)
    assert is_ready(found, "720p", LAST)


def test_recalled_audio_is_whole(tmp_path: Path) -> None:
    assert is_ready(muxer(tmp_path, *AUDIO), "720p", LAST)


def test_without_muxing_nothing_waits_and_nothing_changes(tmp_path: Path) -> None:
    found = muxer(tmp_path, is_muxed=False)
    assert is_ready(found, "720p", LAST)
    assert found.mux("720p", 0, b"as it is") == b"as it is"


def test_audio_that_is_gone_from_the_store_is_reported(tmp_path: Path) -> None:
    found = muxer(tmp_path, *AUDIO)
    with pytest.raises(VerificationError, match=r"audio/00000\..*\.ts is gone from"):
        found.mux("720p", 0, b"")


def test_a_work_folder_that_cannot_be_written_is_reported_as_that(tmp_path: Path) -> None:
    """Not as a bug: 73 says what to do."""
    store = RecordingStore()
    store.objects = {f"run/{AUDIO[0].name}": b"audio"}
    checkpoint = Checkpoint("run", {})
    for segment in AUDIO:
        checkpoint.add(segment)
    gone = tmp_path / "gone"
    found = Muxer(MUXED, CLEAR, store=retrying(store), checkpoint=checkpoint, folder=gone)
    with pytest.raises(CannotWriteError, match=r"cannot keep audio/00000\..*No such file"):
        found.mux("720p", 0, b"")
