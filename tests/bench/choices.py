"""What a job costs with what is off by default: the lowest rung first, and clean speech."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.clips import loop
from tests.bench.cost import Cost
from tests.bench.ways import run_worker
from tests.functional.conftest import FFMPEG, MEDIA

_MOVING = {
    "scrolling screen": "lecture/gradio__art-critic.mp4",
    "people": "normal/mmaction2__demo_skeleton.mp4",
}
_MOVING_S = 90
_VOICE = "lecture/face_recogniti__short_hamilton_clip.mp4"
_VOICE_S = 20 * 60


def measure_first_rung(folder: Path) -> Iterator[tuple[str, str]]:
    """A minute and a half, published at once, and the lowest rung first."""
    for name, clip in _MOVING.items():
        source = loop(MEDIA / clip, folder / f"{name}.mp4", seconds=_MOVING_S)
        at_once, early = (
            _run(folder / f"{name}, {when}", source, "--copy-top", "never", "--publish-when", when)
            for when in ("all", "first-rung")
        )
        yield (
            f"{name}: CPU of the lowest rung first to all at once",
            _ratio(early, at_once, "cpu_s"),
        )
        first_s = early.ready_s or early.elapsed_s
        yield (
            f"{name}: time until viewers have the lowest rung, to that until all is there at once",
            f"{first_s / at_once.elapsed_s:.2f}",
        )
        yield f"{name}: time until they have all, the same", _ratio(early, at_once, "elapsed_s")


def measure_speech(folder: Path) -> Iterator[tuple[str, str]]:
    """20 minutes of a voice in one channel, as PCM: listening to it, and the whole job."""
    source = folder / "voice.wav"
    subprocess.run(
        [
            *(FFMPEG, "-nostdin", "-loglevel", "error", "-stream_loop", "-1", "-i", MEDIA / _VOICE),
            *("-t", str(_VOICE_S), "-vn", "-ac", "1", "-ar", "48000", source),
        ],
        check=True,
    )
    for name, options in (
        ("as it is", ()),
        ("--loudness -16", ("--loudness", "-16")),
        ("--speech clean", ("--speech", "clean")),
    ):
        planned, made = (
            _run(folder / f"{name}, {last}", source, "--audio-only", "allow", *options, *words)
            for last, words in (("planned", ("--plan-only",)), ("made", ()))
        )
        yield (
            f"20 minutes of a voice, {name}: CPU seconds until it is planned, and of all",
            f"{planned.cpu_s:.1f} s, {made.cpu_s:.1f} s",
        )


def _run(folder: Path, source: Path, *options: str) -> Cost:
    """Run a job; it is ready where viewers have something."""
    work, master = folder / "work", folder / "out" / "master.m3u8"
    work.mkdir(parents=True)
    return run_worker(
        source, master.parent, *options, work=work, watched=work, is_ready=master.exists
    )


def _ratio(cost: Cost, to: Cost, what: str) -> str:
    """Compare one figure of two costs, and give both."""
    seconds, to_seconds = getattr(cost, what), getattr(to, what)
    return f"{seconds / to_seconds:.2f} ({seconds:.1f} to {to_seconds:.1f} s)"
