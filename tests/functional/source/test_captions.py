"""Captions in the frames of uploads become WebVTT, and are left in no segment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.captions import (
    ERASE_SHOWN,
    FLIP,
    NOTE_SIGN,
    Triplet,
    dtvcc,
    on_frames,
    parity,
    pop_on,
    twice,
)
from tests.functional.conftest import ffmpeg, ffprobe
from tests.functional.hls import assert_strictly_valid, read_published
from tests.functional.source.captioned import put_captions
from tests.functional.source.generated import FAST, SMALL, tone
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

# A slide that does not change: frames that repeat the one before are not encoded.
SLIDE = ("-f", "lavfi", "-i", "color=gray:size=640x360:rate=25:duration=6")
PLAIN = ("-vf", "format=yuv420p", "-colorspace", "bt709", "-color_range", "tv")
FRAMES = on_frames(
    (2, [*pop_on("HELLO WORLD "), *twice(NOTE_SIGN)]),
    (50, twice(FLIP)),
    (60, pop_on("a < b")),
    (100, twice(FLIP)),
    (125, twice(ERASE_SHOWN)),
)
CODECS = {
    "h264": ("-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-x264-params", "aud=1"),
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:aud=1"),
    "mpeg2video": ("-c:v", "mpeg2video", "-bf", "2", "-q:v", "5"),
}


def make_captioned(
    folder: Path,
    codec: str = "h264",
    suffix: str = "ts",
    frames: Mapping[int, Sequence[Triplet]] = FRAMES,
) -> Path:
    """Six seconds of a slide with two captions, and a tone that starts with it."""
    bare, captioned, source = (folder / name for name in ("bare.ts", "cc.ts", f"in.{suffix}"))
    ffmpeg(*SLIDE, *PLAIN, *CODECS[codec], bare)
    put_captions(bare, captioned, frames)
    ffmpeg("-i", captioned, *tone(6), "-c:v", "copy", "-c:a", "aac", source)
    return source


def segments_with_captions(out: Path) -> list[Path]:
    return [path for path in out.rglob("*.ts") if b"GA94" in path.read_bytes()]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("h264", "ts"), ("h264", "mp4"), ("h264", "mkv"), ("hevc", "mp4"), ("mpeg2video", "ts")],
)
def test_captions_become_a_text_rendition_on_time(
    run_worker: RunWorker, tmp_path: Path, codec: str, suffix: str
) -> None:
    source, out = make_captioned(tmp_path, codec, suffix), tmp_path / "out"
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (found,) = ended.named("captions_found")
    assert found["cues"] == {"CC1": 2}
    master = (out / "master.m3u8").read_text()
    assert 'TYPE=SUBTITLES,GROUP-ID="text",NAME="CC1"' in master
    (segment,) = out.glob("*/text0/*.vtt")
    shown = json.loads(ffprobe("-show_format", "-show_streams", "-of", "json", source))
    start_s = float(shown["streams"][0]["start_time"]) - float(shown["format"]["start_time"])
    times = [f"00:00:0{start_s + frame / 25:.3f}" for frame in (50, 100, 125)]
    assert segment.read_text().partition("\n\n")[2].split("\n\n")[:2] == [
        f"{times[0]} --> {times[1]}\nHELLO WORLD ♪",
        f"{times[1]} --> {times[2]}\na &lt; b",
    ]
    assert segments_with_captions(out) == []
    assert_strictly_valid(read_published(out))


def test_where_there_is_only_cea_708_that_is_read(run_worker: RunWorker, tmp_path: Path) -> None:
    """As Korean broadcasts have it: CEA-608 has no Hangul."""
    window = b"\x98\x38\x40\x00\x10\x1f\x11"
    hangul = b"".join(b"\x18" + char.encode("euc_kr") for char in "안녕하세요")
    frames = {50: dtvcc(window + hangul), 100: dtvcc(b"\x8a\x01")}
    source, out = make_captioned(tmp_path, frames=frames), tmp_path / "out"
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (segment,) = out.glob("*/text0/*.vtt")
    timing, text, *_ = segment.read_text().partition("\n\n")[2].splitlines()
    assert text == "안녕하세요"
    start, end = (float(time[-6:]) for time in timing.split(" --> "))
    assert end - start == pytest.approx(2, abs=0.002)
    assert segments_with_captions(out) == []


def test_a_track_of_captions_becomes_a_text_rendition(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    """As editors write it into QuickTime."""
    script, source, out = (tmp_path / name for name in ("in.scc", "in.mov", "out"))
    lines = (
        f"00:00:0{second}:00\t" + " ".join(f"{parity(a):02x}{parity(b):02x}" for a, b in pairs)
        for second, pairs in enumerate(
            (pop_on("HELLO"), twice(FLIP), twice(ERASE_SHOWN), twice(ERASE_SHOWN)), start=1
        )
    )
    script.write_text("\n\n".join(("Scenarist_SCC V1.0", *lines, "")))
    ffmpeg(*SLIDE, "-i", script, "-c:v", "libx264", "-c:s", "copy", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    (segment,) = out.glob("*/text0/*.vtt")
    cues = segment.read_text().partition("\n\n")[2]
    assert cues == "00:00:02.000 --> 00:00:03.000\nHELLO\n\n"


def test_captions_can_be_left_out(run_worker: RunWorker, tmp_path: Path) -> None:
    source, out = make_captioned(tmp_path), tmp_path / "out"
    assert b"GA94" in source.read_bytes()
    ended = run_worker("--source", source, "--destination", out, *SMALL, "--captions", "off")
    assert ended.status == 0, ended.final
    assert "SUBTITLES" not in (out / "master.m3u8").read_text()
    assert ended.named("captions_found") == []
    assert segments_with_captions(out) == []


def test_a_copied_rung_has_no_captions_in_its_frames(run_worker: RunWorker, tmp_path: Path) -> None:
    source, out = make_captioned(tmp_path, suffix="mp4"), tmp_path / "out"
    rungs = (*FAST, "--ladder", "360,180", "--copy-top", "always")
    ended = run_worker("--source", source, "--destination", out, *rungs)
    assert ended.status == 0, ended.final
    assert ended.named("top_rung_copied"), ended.named("top_rung_encoded")
    assert segments_with_captions(out) == []
    assert_strictly_valid(read_published(out))
