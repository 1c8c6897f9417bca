"""What Av1an and ab-av1 make of an upload with x264: one file of its own size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

from tests.bench.cost import Cost, in_turn, spend
from tests.bench.crf_search import Attempt, NoCrfError, find_crf
from tests.bench.ways import Made, Rendition
from tests.functional.conftest import FFMPEG
from worker.plan.ladder import display_size
from worker.plan.plan import Plan

START = (FFMPEG, "-nostdin", "-hide_banner", "-loglevel", "error", "-y")


class NotMadeError(Exception):
    """A program makes nothing of this clip, or is not here; the text says why."""


def make_as_av1an(source: Path, plan: Plan, folder: Path) -> Made:
    """What its x264 gets for each scene; x264 cuts at scenes by itself, too.

    av1an-core/src/encoder.rs (6ceb93df): `--preset slow --crf 25`, one pass; the audio is copied.
    """
    folder.mkdir()
    return _whole(
        source,
        plan,
        folder,
        ["-preset", "slow", "-crf", "25", "-x264-params", "stitchable=1"],
        before=(),
    )


def make_as_ab_av1(source: Path, plan: Plan, folder: Path) -> Made:
    """`auto-encode -e libx264`: a CRF is searched on a sample of 20 s, then used for all."""
    folder.mkdir()
    search = _CrfSearch(source, plan, folder)
    try:
        crf = find_crf(search.encode_sample)
    except NoCrfError as error:
        raise NotMadeError(f"{error} ({search.cost.cpu_s:.0f} CPU s)") from error
    return _whole(source, plan, folder, ["-crf", f"{crf:.1f}"], before=search.costs)


def _whole(
    source: Path, plan: Plan, folder: Path, options: list[str], *, before: Sequence[Cost]
) -> Made:
    """Encode the upload's own size alone, and copy its audio."""
    # Both make MP4 where that is asked for. Matroska's milliseconds would make a rate of 60 uneven:
    # at the moments of the grid it shows other frames.
    out = folder / "out.mp4"
    argv = [*START, "-i", str(source), "-map", "0:v:0", "-map", "0:a:0?", "-c:a", "copy"]
    argv += ["-c:v", "libx264", "-pix_fmt", "yuv420p", *options, out.name]
    cost = in_turn([*before, spend(argv, folder=folder)])
    width, height = display_size(plan.media.video)
    rung = Rendition(size=(int(width), int(height)), playlist=out)
    return Made(cost=cost, bytes=out.stat().st_size, rungs=(rung,))


class _CrfSearch:
    """Sample encodes of ab-av1 0.7.7, and what they cost."""

    def __init__(self, source: Path, plan: Plan, folder: Path) -> None:
        self.costs: list[Cost] = []
        self._folder, self._sample = folder, source
        seconds = float(plan.grid.duration_s)
        # One sample for each 12 minutes; without one where it would be 85 % of the upload or more.
        if 0.85 * seconds > _SAMPLE_S:
            self._sample = folder / "sample.mkv"
            self._spend(
                *(FFMPEG, "-loglevel", "error", "-y", "-ss", str((seconds - _SAMPLE_S) / 2)),
                *("-i", str(source), "-t", str(_SAMPLE_S), "-map", "0:v:0", "-c:v", "copy", "-an"),
                self._sample.name,
            )
        width, height = display_size(plan.media.video)
        # Smaller ones are compared at 1080p, for which VMAF's model was made.
        self._scale = ""
        if width < 1728 and height < 972:
            to_1080p = "-1:1080" if height * 1920 > width * 1080 else "1920:-1"
            self._scale = f"scale={to_1080p}:flags=bicubic,"

    @property
    def cost(self) -> Cost:
        return in_turn(self.costs)

    def encode_sample(self, crf: float) -> Attempt:
        argv = [*START, "-i", str(self._sample), "-map", "0:v:0", "-an", "-c:v", "libx264"]
        self._spend(*argv, "-pix_fmt", "yuv420p", "-crf", f"{crf:.1f}", "encoded.mkv")
        # src/command/args/vmaf.rs (011145b7)
        alike = f"format=yuv420p,{self._scale}setpts=PTS-STARTPTS,settb=AVTB"
        self._spend(
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"),
            *("-r", "24", "-i", "encoded.mkv", "-r", "24", "-i", str(self._sample)),
            *("-filter_complex", f"[0:v]{alike}[a];[1:v]{alike}[b];[a][b]{_LIBVMAF}"),
            *("-f", "null", "-"),
        )
        found = json.loads((self._folder / "vmaf.json").read_text())
        ratio = (self._folder / "encoded.mkv").stat().st_size / self._sample.stat().st_size
        return Attempt(vmaf=found["pooled_metrics"]["vmaf"]["mean"], percent=100 * ratio)

    def _spend(self, *argv: str) -> None:
        self.costs.append(spend(argv, folder=self._folder))


_SAMPLE_S = 20.0
_LIBVMAF = "libvmaf=shortest=true:ts_sync_mode=nearest:n_threads=2:log_fmt=json:log_path=vmaf.json"
