"""The same clips, made by several programs one after the other, in one run."""

from __future__ import annotations

import platform
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.clips import LECTURE, Clip, find_clips, make_clip
from tests.bench.peer_table import PeerResult
from tests.bench.peers import PEERS
from tests.bench.quality import find_delay
from tests.bench.single_rung import NotMadeError
from tests.bench.ways import BASELINE, plan_for, quality_of
from tests.functional.conftest import FFMPEG
from worker.runtime.resources import count_cores

PEER_S = 30.0
# A recorded screen, a talking head, a screen that scrolls.
_CLIPS = ("Kap", "LivePortrait", "art-critic")
# The first minute says something where there is a second one; the quality of this is known.
_LONG_CLIP, _LONG_S = "Kap", 90.0


def made_by_all(*, only: Sequence[str], seconds: float) -> Iterator[PeerResult]:
    """Let each program make each clip; one that is longer than a minute comes last."""
    for name, kind, path in find_clips((LECTURE,), tuple(only) or _CLIPS):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            clip = make_clip(name, kind, path, folder=Path(folder), seconds=seconds)
            yield from _make_all(clip, Path(folder), has_quality=True)
    if only:
        return
    ((name, kind, path),) = find_clips((LECTURE,), (_LONG_CLIP,))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        clip = make_clip(name, kind, path, folder=Path(folder), seconds=_LONG_S)
        yield from _make_all(clip, Path(folder), has_quality=False)


def machine() -> str:
    """Say what is measured on."""
    version = subprocess.run([FFMPEG, "-version"], check=True, capture_output=True, text=True)
    return f"{platform.machine()}, {count_cores()} cores, FFmpeg {version.stdout.split()[2]}"


def _make_all(clip: Clip, folder: Path, *, has_quality: bool) -> Iterator[PeerResult]:
    plan = plan_for(clip.path, folder)
    size = None
    shown = f"{clip.name}, {float(plan.grid.duration_s):.0f} s"
    for number, peer in enumerate(PEERS):
        try:
            made = peer.make(clip.path, plan, folder / str(number))
        except NotMadeError as error:
            yield PeerResult(clip=shown, name=peer.name, origin=peer.origin, obstacle=str(error))
            continue
        # All at the size of the baseline's, as players show them: a smaller one is blown up.
        size = made.rungs[0].size if peer.name == BASELINE else size
        quality, late_s = None, 0.0
        if has_quality and size:
            # A program whose video is late as a whole is not worse in each frame.
            late = find_delay(
                clip.path,
                made.rungs[0].playlist,
                rate=plan.grid.rate,
                seconds=clip.compared_s,
            )
            late_s = float(late / plan.grid.rate)
            quality = quality_of(
                made.rungs[0], clip, plan, way=peer.name, size=size, late_frames=late
            )
        yield PeerResult(
            clip=shown,
            name=peer.name,
            origin=peer.origin,
            made=made,
            quality=quality,
            late_s=late_s,
        )
