"""How similar an output is to its source: VMAF, frame by frame on the output's own grid."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from worker.ffmpeg.color_filters import EXACT

Frames = npt.NDArray[np.uint8]

_TIMEOUT_S = 1800
# What is compared to find a delay, and the longest that is searched.
_SMALL, _MOST_LATE = (160, 90), 6
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
    late_frames: int = 0,
) -> Quality:
    """Compare the start of an output (a playlist) with its source at so many frames a second.

    Both are scaled to `size`, as players do that fill the same window. With duplicate frames, or a
    higher frame rate, the frames that are on screen at the times of the grid are compared.

    `matrix` is the source's, where the output was converted to BT.709. Both get the same tags, or
    FFmpeg would convert one of them by a guess.

    `late_frames` of the grid are passed over at the start of the output; if negative, of the
    source.
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
            f"[0:v]setpts=PTS-STARTPTS,{laid},{_without(late_frames)},{shown}[a];"
            f"[1:v]{laid},{_without(-late_frames)},{alike},{shown}[b];"
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


def _without(frames: int) -> str:
    return f"trim=start_frame={max(0, frames)},setpts=PTS-STARTPTS"


def find_delay(source: Path, output: Path, *, rate: Fraction, seconds: float) -> int:
    """Return by how many frames of the grid an output is late, for `compare`."""
    return best_delay(
        _small_frames(output, rate=rate, seconds=seconds),
        _small_frames(source, rate=rate, seconds=seconds),
    )


def _small_frames(path: Path, *, rate: Fraction, seconds: float) -> Frames:
    """Decode the start of a video to small gray frames: a row of pixels each."""
    width, height = _SMALL
    shown = f"fps={rate}:start_time=0,trim=end={seconds},scale={width}:{height},format=gray"
    raw = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error"),
            *("-i", path.absolute(), "-map", "0:v:0", "-vf", shown, "-f", "rawvideo", "-"),
        ],
        check=True,
        capture_output=True,
        timeout=_TIMEOUT_S,
    ).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, width * height)


def best_delay(output: Frames, source: Frames) -> int:
    """Return the delay at which frames resemble the source's most; of two alike, the shorter."""
    differences = {}
    for late in sorted(range(-_MOST_LATE, _MOST_LATE + 1), key=abs):
        shown, wanted = output[max(0, late) :], source[max(0, -late) :]
        count = min(len(shown), len(wanted))
        if count:
            difference = shown[:count].astype(np.int16) - wanted[:count]
            differences[late] = round(float(np.abs(difference).mean()), 3)
    return min(differences, key=lambda late: differences[late], default=0)
