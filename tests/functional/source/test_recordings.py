"""Uploads as recorders make them: timestamps that restart, sizes that change, interlaced frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, ffprobe
from tests.functional.hls import decode, files, read_published
from tests.functional.source.generated import FAST, SMALL, X264, tone, video
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg


@pytest.mark.parametrize("second_start_s", [0, 5000], ids=["from zero", "hours later"])
def test_recordings_put_end_to_end_play_through(
    run_worker: RunWorker, tmp_path: Path, second_start_s: int
) -> None:
    parts = []
    for i, start_s in enumerate((0, second_start_s)):
        part = tmp_path / f"part{i}.ts"
        encoded = (*X264, "-c:a", "aac", "-output_ts_offset", start_s)
        ffmpeg(*video(4), *tone(4), *encoded, part)
        parts.append(part.read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    out = tmp_path / "out"
    ended = run_worker("--source", tmp_path / "both.ts", "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert ended.named("timestamps_repaired")
    published = read_published(out)
    for rendition in (*published.rungs, published.audio):
        assert rendition
        assert rendition.duration_s == pytest.approx(8, abs=0.1)


def test_interlaced_video_is_deinterlaced(run_worker: RunWorker, tmp_path: Path) -> None:
    """A bar that moves fast shows no combing: adjacent lines are alike."""
    source, out = tmp_path / "in.mpg", tmp_path / "out"
    moving = "color=black:s=720x576:r=50:d=4,drawbox=x=0:y=0:w=90:h=576:c=white:t=fill"
    graph = f"{moving}[b];color=black:s=720x576:r=50:d=4[c];[c][b]overlay=x='mod(t*900,800)-90'"
    fields = ("-flags", "+ildct+ilme", "-top", "1")
    argv = ("-filter_complex", f"{graph},interlace=scan=tff:lowpass=off[v]", "-map", "[v]")
    ffmpeg(*argv, *fields, "-c:v", "mpeg2video", "-b:v", "8M", source)
    assert "field_order=tt" in ffprobe("-show_entries", "stream=field_order", source)
    ended = run_worker("--source", source, "--destination", out, *FAST, "--ladder", "576")
    assert ended.status == 0, ended.final
    top = read_published(out).rungs[0].playlist
    middle = "format=gray,trim=start_frame=20:end_frame=40"
    raw = decode(top, "-vf", middle, "-f", "rawvideo").stdout
    assert "RESOLUTION=720x576" in (out / "master.m3u8").read_text()
    width = 720
    lines = [raw[i : i + width] for i in range(0, len(raw), width)]
    combed = sum(
        abs(a - b) > 100 and abs(a - c) < 50
        for one, two, three in zip(lines[::2], lines[1::2], lines[2::2], strict=False)
        for a, b, c in zip(one[::8], two[::8], three[::8], strict=True)
    )
    assert combed < 0.001 * len(raw) / 16


def test_video_whose_size_changes_keeps_its_time(run_worker: RunWorker, tmp_path: Path) -> None:
    """A call recorded by a browser: the other side turns its phone."""
    parts = []
    for i, size in enumerate(("320x180", "180x320", "640x360")):
        part = tmp_path / f"part{i}.ts"
        ffmpeg(*video(4, size=size), *X264, "-output_ts_offset", 4 * i, part)
        parts.append(part.read_bytes())
    (tmp_path / "all.ts").write_bytes(b"".join(parts))
    out = tmp_path / "out"
    ended = run_worker("--source", tmp_path / "all.ts", "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    assert rung.duration_s == pytest.approx(12, abs=0.05)
    counted = ffprobe("-count_frames", "-show_entries", "stream=nb_read_frames", rung.playlist)
    assert "nb_read_frames=300" in counted


def test_location_name_and_device_of_an_upload_are_not_published(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    tags = ("-metadata", "location=+37.5665+126.9780/", "-metadata", "title=Kimberley's lecture")
    device = ("-metadata:s:v:0", "handler_name=Kimberley's phone", "-movflags", "use_metadata_tags")
    ffmpeg(*video(3), *tone(3), *X264, "-c:a", "aac", *tags, *device, source)
    assert b"37.5665" in source.read_bytes()
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    for name, content in files(out).items():
        assert b"37.5665" not in content, name
        # Not a name of three letters, which a megabyte of frames may hold by chance.
        assert b"Kimberley" not in content, name


def test_frames_that_are_void_on_the_way_are_reported(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """A fifth of the upload was never written, as where a card was full of bad blocks."""
    source, out = tmp_path / "in.mp4", tmp_path / "out"
    ffmpeg(*video(12), *X264, "-movflags", "+faststart", source)
    data = source.read_bytes()
    begin, end = len(data) * 4 // 10, len(data) * 6 // 10
    source.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (warning,) = ended.named("video_incomplete")
    assert warning["packets"] == 300
    assert 45 < warning["missing"] < 100
    assert read_published(out).rungs[0].duration_s == pytest.approx(12, abs=0.1)
