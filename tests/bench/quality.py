"""How similar an output is to its source: VMAF, frame by frame on the output's own grid."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from worker.ffmpeg.color_filters import EXACT

_TIMEOUT_S = 1800
_TAGGED = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"


@dataclass(frozen=True, kw_only=True)
class Quality:
    """VMAF (0 to 100) over all frames: the mean, and the first percentile (`worst`)."""

    mean: float
    worst: float


def compare(
    source: Path,
    output: Path,
    *,
    size: tuple[int, int],
    rate: Fraction,
    seconds: float,
    matrix: str | None = None,
) -> Quality:
    """Compare the start of an output (a playlist) with its source at so many frames a second.

    Both are scaled to `size`, as players do that fill the same window. With duplicate frames, or a
    higher frame rate, the frames that are on screen at the times of the grid are compared.

    `matrix` is the source's, where the output was converted to BT.709. Both get the same tags, or
    FFmpeg would convert one of them by a guess.
    """
    width, height = size
    # The source from its container's start, as the outputs: its video may start later.
    laid = f"fps={rate}:start_time=0,trim=end={seconds}"
    shown = f"scale={width}:{height}:flags=bicubic,format=yuv420p,{_TAGGED}"
    alike = _TAGGED
    if matrix:
        to_bt709 = f"in_color_matrix={matrix}:out_color_matrix=bt709:out_range=tv"
        alike = f"scale={to_bt709}:flags={EXACT}"
    with tempfile.TemporaryDirectory() as folder:
        graph = (
            f"[0:v]setpts=PTS-STARTPTS,{laid},{shown}[a];[1:v]{laid},{alike},{shown}[b];"
            "[a][b]libvmaf=log_fmt=json:log_path=vmaf.json:n_threads=2:shortest=1"
        )
        subprocess.run(
            [
                imageio_ffmpeg.get_ffmpeg_exe(),
                *("-hide_banner", "-nostdin", "-loglevel", "error"),
                *("-i", output.absolute(), "-i", source.absolute()),
                *("-filter_complex", graph, "-f", "null", "-"),
            ],
            check=True,
            cwd=folder,
            timeout=_TIMEOUT_S,
        )
        frames = json.loads((Path(folder) / "vmaf.json").read_text())["frames"]
    scores = sorted(frame["metrics"]["vmaf"] for frame in frames)
    return Quality(mean=sum(scores) / len(scores), worst=scores[int(0.01 * (len(scores) - 1))])
