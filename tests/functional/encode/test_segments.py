"""The worker checks each segment before its upload: whole ones pass, damaged ones do not."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functional.conftest import FFMPEG, FFPROBE, ffprobe
from tests.functional.hls import longest_clock_gap_s, named
from worker.config.cli import parse_job
from worker.errors import VerificationError
from worker.hls.mpegts import read_segment
from worker.hls.segment import measure_segment
from worker.hls.transport import MalformedSegmentError
from worker.plan.parallelism import Machine
from worker.plan.parts import PreparedFile
from worker.plan.plan import Plan, make_plan
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.source.probe import probe


@pytest.fixture(scope="module")
def plan(small_clip: Path) -> Plan:
    workspace = Workspace(
        folder=small_clip.parent,
        tools=Tools(ffmpeg=FFMPEG, ffprobe=FFPROBE),
        budget=Budget(time_limit_s=600, clock=time.monotonic),
    )
    job = parse_job(["--source", "/in", "--destination", "/out"], {})
    media = probe(small_clip, job, workspace)
    return make_plan([PreparedFile(media=media)], job, machine=Machine(cores=2))


@pytest.fixture(scope="module")
def published(published_clip: Path) -> Path:
    """The folder of the run."""
    (run,) = (path for path in published_clip.iterdir() if path.is_dir())
    return run


@pytest.mark.ffmpeg
def test_damaged_segments_are_refused(plan: Plan, published: Path) -> None:
    """Cut, with a packet missing, at another index, or empty."""
    first = named(published / "180p", "00000.ts").read_bytes()
    second = named(published / "180p", "00001.ts").read_bytes()
    audio = named(published / "audio", "00000.ts").read_bytes()
    assert measure_segment(plan, "180p", 0, first).frames == 150
    assert measure_segment(plan, "180p", 1, second).start_ticks == 6 * 90_000
    damaged = {
        "cut in a packet": (0, first[:-100]),
        "a packet missing": (0, first[: 188 * 40] + first[188 * 41 :]),
        "at another index": (1, first),
        "no tables": (0, first[188 * 3 :]),
        "empty": (0, b""),
        "beyond the end": (9, second),
        "twice": (0, first + second),
    }
    for what, (index, data) in damaged.items():
        print(what)
        with pytest.raises(VerificationError, match=rf"segment {index} of 180p"):
            measure_segment(plan, "180p", index, data)
    # In the middle of a PES packet: the next TS packet does not begin one.
    cut = next(
        at for at in range(len(audio) // 376 * 188, len(audio), 188) if not audio[at + 1] & 0x40
    )
    assert measure_segment(plan, "audio", 0, audio).frames > 200
    with pytest.raises(VerificationError):
        measure_segment(plan, "audio", 0, audio[:cut])


@pytest.mark.ffmpeg
def test_each_segment_has_its_tables_once(published: Path) -> None:
    """At its start (RFC 8216, section 3.2); more of them would be wasted bytes."""
    for segment in sorted(published.glob("*/*.ts")):
        data = segment.read_bytes()
        pids = [int.from_bytes(data[at + 1 : at + 3]) & 0x1FFF for at in range(0, len(data), 188)]
        assert pids[:2].count(0) == pids.count(0) == 1, segment


@pytest.mark.ffmpeg
def test_the_first_decoding_time_is_that_of_the_first_frame(published: Path) -> None:
    """hls.js takes t=0 from the first decoding time: B-frames must not leave a gap there."""
    times: list[tuple[int, int]] = []
    for segment in sorted((published / "180p").glob("*.ts")):
        rows = ffprobe("-show_entries", "packet=pts,dts", "-print_format", "csv=p=0", segment)
        pairs = [row.split(",")[:2] for row in rows.split()]
        times += [(int(pts), int(dts)) for pts, dts in pairs]
    assert times[0] == (900_000, 900_000)
    assert any(pts > dts for pts, dts in times), "without B-frames this test checks nothing"
    assert all(pts >= dts for pts, dts in times)
    assert all(before < after for (_, before), (_, after) in pairwise(times))


@pytest.mark.ffmpeg
def test_tsreport_finds_no_fault(published: Path, tmp_path: Path) -> None:
    """Neither in the counters nor in the clock references, of which there is one each 0.1 s."""
    segments = sorted(published.glob("*/*.ts"))
    assert len(segments) == 6
    for segment in segments:
        assert longest_clock_gap_s(segment) <= 0.1
    damaged = tmp_path / "damaged.ts"
    whole = segments[0].read_bytes()
    damaged.write_bytes(whole[: 188 * 40] + whole[188 * 41 :])
    with pytest.raises(AssertionError, match="damaged"):
        longest_clock_gap_s(damaged)


@pytest.mark.ffmpeg
def test_the_segment_reader_raises_one_kind_of_error(published: Path) -> None:
    """For any bytes: a reading, or MalformedSegmentError."""
    good = named(published / "180p", "00002.ts").read_bytes()

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        at=st.integers(0, len(good) - 1),
        length=st.integers(0, 400),
        noise=st.binary(max_size=400),
    )
    def read(at: int, length: int, noise: bytes) -> None:
        try:
            read_segment(good[:at] + noise + good[at + length :])
        except MalformedSegmentError:
            return

    read()
