"""Audio stays in sync with video: flashes and beeps in, flashes and beeps out."""

from __future__ import annotations

import subprocess
from array import array
from pathlib import Path

import pytest

from tests.functional.conftest import FFMPEG, ffmpeg
from tests.functional.hls import read_published
from tests.functional.worker_process import RunWorker

RATE = 30
AUDIO_HZ = 8000


def make_flash_and_beep(path: Path, *, audio_late_s: float = 0.0) -> None:
    """Every second a white frame and, at the same moment, 1/30 s of 1 kHz; 14 seconds."""
    video = (
        f"color=black:size=16x16:rate={RATE}:duration=14,"
        f"geq=lum='if(eq(mod(N,{RATE}),15),235,16)':cb=128:cr=128,scale=320:180:flags=neighbor"
    )
    audio = (
        "aevalsrc='if(between(mod(t,1),0.5,0.5+1/30),sin(2*PI*1000*t),0)':s=48000"
        f":d={14 - audio_late_s},asetpts=PTS"
    )
    late = ("-itsoffset", audio_late_s) if audio_late_s else ()
    if audio_late_s:
        # The same audio without its beginning, on a track that starts that much later.
        audio = audio.replace("mod(t,1)", f"mod(t+{audio_late_s},1)")
    ffmpeg(
        *("-f", "lavfi", "-i", video, *late, "-f", "lavfi", "-i", audio),
        *("-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast"),
        *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "192k", path),
    )


def flashes_s(playlist: Path) -> list[float]:
    """Start of each white frame, decoded from the rendition."""
    raw = decode(
        playlist,
        *("-map", "0:v", "-f", "rawvideo", "-vf"),
        # Duplicate frames were left out: each frame stays until the next one.
        f"setpts=PTS-STARTPTS,fps={RATE}:start_time=0,scale=2:2:flags=area,format=gray",
    )
    levels = [raw[i] for i in range(0, len(raw), 4)]
    return [
        i / RATE for i in range(len(levels)) if levels[i] > 128 and (i == 0 or levels[i - 1] <= 128)
    ]


def beeps_s(playlist: Path) -> list[float]:
    """Start of each beep, decoded from the rendition; the encoder's priming is before zero."""
    raw = decode(playlist, "-map", "0:a", "-ac", "1", "-ar", AUDIO_HZ, "-f", "s16le")
    samples = array("h", raw)
    found: list[float] = []
    for i, sample in enumerate(samples):
        at_s = i / AUDIO_HZ - 1024 / 48000
        if abs(sample) > 4000 and (not found or at_s - found[-1] > 0.5):
            found.append(at_s)
    return found


def decode(playlist: Path, *arguments: object) -> bytes:
    segments = "|".join(
        str(playlist.parent / line)
        for line in playlist.read_text().splitlines()
        if line and not line.startswith("#")
    )
    command = [FFMPEG, "-nostdin", "-loglevel", "error", "-i", f"concat:{segments}"]
    answer = subprocess.run(
        [*command, *map(str, arguments), "-"], capture_output=True, check=True, timeout=60
    )
    return answer.stdout


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("suffix", "late_s"),
    [("mp4", 0), ("mkv", 0), ("ts", 0), ("mp4", 2.5), ("mkv", 2.5), ("ts", 2.5)],
)
def test_beeps_stay_with_their_flashes(
    suffix: str, late_s: float, run_worker: RunWorker, tmp_path: Path
) -> None:
    """Within one frame, in each container, and where the audio starts late."""
    source, out = tmp_path / f"source.{suffix}", tmp_path / "out"
    make_flash_and_beep(source, audio_late_s=late_s)
    options = ("--source", source, "--destination", out, "--preset", "superfast")
    assert run_worker(*options).status == 0
    published = read_published(out)
    assert published.audio
    flashes = flashes_s(published.rungs[0].playlist)
    beeps = beeps_s(published.audio.playlist)
    assert len(flashes) == 14
    with_beep = [flash for flash in flashes if flash >= late_s]
    assert len(beeps) == len(with_beep)
    worst = max(abs(f - b) for f, b in zip(with_beep, beeps, strict=True))
    print(f"worst offset in {suffix}, audio {late_s} s late: {worst * 1000:.1f} ms")
    assert worst <= 1 / RATE
