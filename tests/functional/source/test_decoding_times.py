"""Uploads in AVI and ASF, whose packets carry the times at which they are decoded, no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.conftest import ffmpeg, ffprobe
from tests.functional.hls import decode, read_published
from tests.functional.source.generated import SMALL, tone
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

# Each frame is unlike the one before, and one in each second is white.
FLASHES = (
    "color=black:s=320x180:r=25:d=16,noise=alls=20:allf=t,"
    "drawbox=c=white:t=fill:w=iw:h=ih:enable='eq(mod(n,25),12)'"
)
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "50")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("in.avi", (*H264, "-bf", "3")),
        ("in.avi", (*H264, "-x264-params", "open-gop=1:b-pyramid=none")),
        ("in.avi", ("-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-g", "30")),
        ("in.avi", ("-c:v", "mpeg4", "-q:v", "3")),
        ("in.asf", (*H264, "-bf", "3")),
    ],
    ids=["H.264", "open GOPs", "MPEG-4 with B-frames", "MPEG-4", "ASF"],
)
def test_all_frames_are_shown_and_in_sync(
    run_worker: RunWorker, tmp_path: Path, name: str, codec: tuple[str, ...]
) -> None:
    """The audio ends long before; each span is decoded from a keyframe of its own."""
    source, out = tmp_path / name, tmp_path / "out"
    ffmpeg("-f", "lavfi", "-i", FLASHES, *tone(1), *codec, "-c:a", "pcm_s16le", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL, "--parallel-spans", 2)
    assert ended.status == 0, ended.final
    (rung,) = read_published(out).rungs
    counted = ffprobe("-count_frames", "-show_entries", "stream=nb_read_frames", rung.playlist)
    assert "nb_read_frames=400" in counted
    gray = ("-vf", "scale=1:1:flags=area,format=gray", "-fps_mode", "passthrough", "-f", "rawvideo")
    levels = decode(rung.playlist, *gray).stdout
    assert [i for i, level in enumerate(levels) if level > 150] == list(range(12, 400, 25))


def test_more_than_the_audio_s_length_is_decoded(run_worker: RunWorker, tmp_path: Path) -> None:
    """A fifth of a second of audio is not the length of the video."""
    source, out = tmp_path / "in.avi", tmp_path / "out"
    moving = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=1")
    beep = ("-f", "lavfi", "-i", "sine=duration=0.2")
    ffmpeg(*moving, *beep, "-c:v", "mpeg4", "-bf", "2", source)
    ended = run_worker("--source", source, "--destination", out, *SMALL)
    assert ended.status == 0, ended.final
    assert read_published(out).rungs[0].duration_s == pytest.approx(1.0)
