"""A fit H.264 upload is its own top rung: not one bit of its pictures changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.conftest import Ended, Run, ffmpeg, ffprobe
from tests.functional.hls import (
    Published,
    assert_strictly_valid,
    clock_gap_s,
    decode,
    read_published,
)
from worker.hls.mpegts import read_segment

RATE, SECONDS = 25, 20
# Neither even nor as the worker would set them; the first two closer than a segment may be.
KEYS = (0, 7, 130, 255, 300, 441)
CUTS_S = ["5.2", "5", "7.44", "2.36"]
# Half of it moves, so that in the other half pictures repeat.
PICTURE = f"testsrc2=size=640x360:rate={RATE}:duration={SECONDS / 2}"

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make_source(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Encode the picture as an upload, with B-frames; more options come last."""

    def make(name: str, *options: object) -> Path:
        path = tmp_path_factory.mktemp("source") / name
        keys = ",".join(f"{key / RATE - 0.01:.3f}" for key in KEYS)
        ffmpeg(
            *("-f", "lavfi", "-i", f"{PICTURE},tpad=stop_mode=clone:stop_duration={SECONDS / 2}"),
            *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
            *("-vf", "format=yuv420p", "-c:v", "libx264", "-preset", "medium", "-crf", "30"),
            *("-g", "999", "-sc_threshold", "0", "-force_key_frames", keys),
            *("-colorspace", "bt709", "-color_range", "tv", "-c:a", "aac", *options, path),
        )
        return path

    return make


def publish(run_worker: Run, source: Path, out: Path, *options: object) -> Ended:
    return run_worker(
        *("--source", source, "--destination", out, "--ladder", "360,180"),
        *("--preset", "superfast", *options),
    )


def copied(run_worker: Run, source: Path, out: Path) -> Published:
    ended = publish(run_worker, source, out, "--copy-top", "always")
    assert ended.status == 0, ended.final
    assert ended.named("top_rung_copied"), ended.named("top_rung_encoded")
    return read_published(out)


def pictures(path: Path) -> list[str]:
    """Digest of each decoded picture, repeats and all."""
    text = decode(path, *("-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5")).stdout
    return [line.split(b",")[-1].decode() for line in text.splitlines() if line[:1] != b"#"]


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("source.mp4", ()),
        # The encoder's first samples would make the container begin before the picture.
        ("source.ts", ("-an", "-output_ts_offset", "7")),
        # Its clock has milliseconds only, which are no thirtieths.
        ("thirty.mkv", ("-an", "-r", "30", "-fps_mode", "cfr")),
    ],
)
def test_the_top_rung_is_the_source_and_the_other_is_cut_with_it(
    run_worker: Run, make_source: Make, tmp_path: Path, name: str, options: tuple[object, ...]
) -> None:
    source, out = make_source(name, *options), tmp_path / "out"
    published = copied(run_worker, source, out)
    top, lower = published.rungs
    assert pictures(top.playlist) == pictures(source)
    if name != "thirty.mkv":
        assert [f"{float(s):g}" for s in top.durations_s] == CUTS_S
    for rung in published.rungs:
        assert rung.durations_s == top.durations_s
        start_s = 10.0
        for segment, duration_s in zip(rung.segments, rung.durations_s, strict=True):
            reading = read_segment(segment.read_bytes())
            assert reading.starts_with_keyframe
            assert clock_gap_s(segment) <= 1
            assert reading.first_pts_ticks == pytest.approx(start_s * 90_000, abs=2)
            start_s += float(duration_s)
    shown = len(pictures(top.playlist))
    assert shown >= RATE * SECONDS
    assert len(pictures(lower.playlist)) < 0.6 * shown, "it leaves repeats out"
    assert_strictly_valid(published)
    decoded_s = [float(row) for row in decode_times(top.segments)]
    assert decoded_s == sorted(decoded_s), "decoding times go on over the joints"
    assert decoded_s[0] >= 10


def decode_times(segments: tuple[Path, ...]) -> list[str]:
    rows: list[str] = []
    for segment in segments:
        options = ("-show_entries", "packet=dts_time", "-print_format", "csv=print_section=0")
        rows += [row.strip(",") for row in ffprobe(*options, segment).split()]
    return rows


def test_a_copy_goes_on_where_it_was_left(
    run_worker: Run, make_source: Make, tmp_path: Path
) -> None:
    source, whole, out = make_source("source.mp4"), tmp_path / "whole", tmp_path / "out"
    copied(run_worker, source, whole)
    published = copied(run_worker, source, out)
    for name in ("master.m3u8", "manifest.json", "status.json"):
        (out / name).unlink()
    for rung in published.rungs:
        rung.segments[1].unlink()
    kept = published.rungs[0].segments[2]
    written = kept.stat().st_mtime_ns
    ended = publish(run_worker, source, out, "--copy-top", "always")
    assert ended.status == 0
    assert ended.final["segments_resumed"] > 0
    assert kept.stat().st_mtime_ns == written, "what was stored is not stored again"
    ours, theirs = published.rungs[0], read_published(whole).rungs[0]
    assert [s.read_bytes() for s in ours.segments] == [s.read_bytes() for s in theirs.segments]


def test_auto_copies_what_an_encode_would_not_make_lighter(
    run_worker: Run, make_source: Make, tmp_path: Path
) -> None:
    light = publish(run_worker, make_source("source.mp4"), tmp_path / "light")
    assert light.named("top_rung_copied")
    never = publish(
        *(run_worker, make_source("source.mp4"), tmp_path / "never", "--copy-top", "never"),
    )
    assert not never.named("top_rung_copied")
    assert never.final["run"] != light.final["run"]
    assert never.status == light.status == 0


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        # A container calls recovery points keyframes; no segment can start there.
        ("open.ts", ("-an", "-x264-params", "open-gop=1:keyint=50"), "too far"),
        ("sound.ts", (), "not evenly spaced"),
        ("high10.mp4", ("-vf", "format=yuv420p10le"), "profile is High 10"),
    ],
)
def test_what_is_not_fit_is_encoded(
    run_worker: Run,
    make_source: Make,
    tmp_path: Path,
    name: str,
    options: tuple[object, ...],
    reason: str,
) -> None:
    source = make_source(name, *options)
    ended = publish(run_worker, source, tmp_path / "out", "--copy-top", "always")
    (told,) = ended.named("top_rung_encoded")
    assert reason in told["reason"]
    assert ended.status == 0
    assert_strictly_valid(read_published(tmp_path / "out"))


def test_a_recording_that_was_joined_is_encoded(
    run_worker: Run, make_source: Make, tmp_path: Path
) -> None:
    """Its second half has parameters of its own: a codec string of its own, or a size."""
    halves = [make_source(f"{level}.mp4", "-an", "-level", level) for level in ("2.1", "4.0")]
    joined, source = tmp_path / "halves.txt", tmp_path / "joined.ts"
    joined.write_text("".join(f"file '{half}'\n" for half in halves))
    ffmpeg("-f", "concat", "-safe", "0", "-i", joined, "-c", "copy", source)
    ended = publish(run_worker, source, tmp_path / "out", "--copy-top", "always")
    (told,) = ended.named("top_rung_encoded")
    assert told["reason"] == "its size or other parameters change on the way"
    assert ended.status == 0
