"""A published sample for previews: two presets, as of a resumed job, storyboard and chapters."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tests.functional.conftest import FFMPEG, FFPROBE, ROOT, ffmpeg
from tests.functional.hls import named

DURATION_S = 26
SEGMENT_S = 2
# The first segment of the second preset.
SECOND_FIRST = 6
HEIGHTS = (360, 240, 160)
TILE = (160, 90)
TILE_S = 2
COLUMNS = 5
CHAPTERS = ((0.0, "Introduction"), (9.5, "강의 <1>"), (18.0, "Questions & answers"))
# Far enough from one another that JPEG cannot confuse them.
COLORS = list(product((30, 130, 230), repeat=3))[1::2]
_OPTIONS = ("--ladder", ",".join(map(str, HEIGHTS)), "--segment", str(SEGMENT_S))


@dataclass(frozen=True)
class Sample:
    """A published folder, and the name of its run."""

    folder: Path
    run: str


def publish_sample(folder: Path) -> Sample:
    """Publish, delete half of it as if the job had been killed, and publish again."""
    source, out = folder / "sample.mp4", folder / "out"
    # A corner whose color shows the time, so that a frame at the wrong time is noticed.
    corner = ",".join(
        f"drawbox=w=160:h=90:t=fill:color=0x{bytes(color).hex()}"
        f":enable='between(t,{i * TILE_S},{(i + 1) * TILE_S - 0.01})'"
        for i, color in enumerate(COLORS[: DURATION_S // TILE_S])
    )
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={DURATION_S}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={DURATION_S}"),
        *("-vf", f"format=gbrp,{corner},scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
        *("-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", "-shortest", source),
    )
    _publish(source, out, "superfast")
    run = json.loads((out / "manifest.json").read_text())["run"]
    for path in [*out.rglob("*.ts"), out / "master.m3u8", out / "manifest.json"]:
        if path.suffix != ".ts" or (
            path.parent.name != "audio" and int(path.name[:5]) >= SECOND_FIRST
        ):
            path.unlink()
    _publish(source, out, "veryfast", "--report")
    assert "superfast" in named(out / run, "report.html").read_text(), "--report writes the presets"
    _add_storyboard(out, run)
    return Sample(out, run)


def _publish(source: Path, out: Path, preset: str, *options: str) -> None:
    words = ("--source", source, "--destination", out, "--preset", preset, *_OPTIONS, *options)
    ended = subprocess.run(
        [sys.executable, "-m", "worker", *map(str, words)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "WORKER_FFMPEG": FFMPEG, "WORKER_FFPROBE": FFPROBE},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def _add_storyboard(out: Path, run: str) -> None:
    """Add a sheet whose tiles are of one color each, its track, and their paths in the manifest."""
    count = DURATION_S // TILE_S
    rows = -(-count // COLUMNS)
    (width, height), black = TILE, (0, 0, 0)
    colors = [*COLORS[:count], *[black] * (rows * COLUMNS - count)]
    raw = b"".join(
        b"".join(bytes(color) * width for color in colors[row * COLUMNS : (row + 1) * COLUMNS])
        * height
        for row in range(rows)
    )
    board = out / run / "storyboard"
    # They replace the worker's own, whose tiles are frames of the video.
    for made in (board, out / run / "thumbnails"):
        shutil.rmtree(made)
        made.mkdir()
    size = f"{width * COLUMNS}x{height * rows}"
    subprocess.run(
        [
            *(FFMPEG, "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size),
            *("-i", "-", "-q:v", "2", str(board / "sheet-000.jpg")),
        ],
        input=raw,
        check=True,
        timeout=60,
    )
    cues = [
        f"00:00:{i * TILE_S:02d}.000 --> 00:00:{(i + 1) * TILE_S:02d}.000\n"
        f"sheet-000.jpg#xywh={i % COLUMNS * width},{i // COLUMNS * height},{width},{height}\n"
        for i in range(count)
    ]
    (board / "index.vtt").write_text("WEBVTT\n\n" + "\n".join(cues))
    thumbnail = (out / "thumbnail.jpg").read_bytes()
    (out / run / "thumbnails" / "0.jpg").write_bytes(thumbnail)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest |= {
        "storyboard": f"{run}/storyboard/index.vtt",
        "chapters": [{"start_s": start_s, "title": title} for start_s, title in CHAPTERS],
        "thumbnails": [f"{run}/thumbnails/0.jpg"],
    }
    (out / "manifest.json").write_text(json.dumps(manifest))


@dataclass
class Previewing:
    """A preview that is being served."""

    process: subprocess.Popen[str]
    url: str

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def previewing(
    *arguments: object, environment: Mapping[str, str] | None = None
) -> Iterator[Previewing]:
    """Serve a preview until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "preview", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            raise AssertionError(f"no preview: {line} {process.communicate(timeout=30)}")
        yield Previewing(process, found.group())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return manifest
