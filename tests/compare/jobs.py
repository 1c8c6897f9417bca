"""The jobs of a comparison, and the clips that are made for some of them."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEDIA = Path(os.environ.get("WORKER_TEST_MEDIA", ROOT.parent / "shared" / "media")).resolve()

_SUBTITLES = """\
1
00:00:00,500 --> 00:00:03,000
Path expressions

2
00:00:04,250 --> 00:00:09,750
경로 표현식
"""


class CannotCompareError(Exception):
    """There is nothing to compare: a clip, a commit or a tool is missing, or a clip is not fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareJob:
    """A clip and the options of the worker.

    `make` writes the file that is the job's source from the clip, as `made`. `must_publish` are
    patterns of keys: where OLD publishes none that matches, the job does not test what it is for.

    `cpus` is how many CPUs each worker may use. With several threads x264 does not repeat its bytes
    where the rung's cap binds, so most jobs have one.
    """

    name: str
    clip: str
    options: tuple[str, ...] = ()
    make: Callable[[Path, Path], None] | None = None
    made: str = ""
    is_resumed: bool = False
    cpus: int = 1
    must_publish: tuple[str, ...] = ()

    @property
    def described_options(self) -> str:
        """The options as they are typed."""
        return shlex.join(self.options) or "default options"


def add_subtitles(clip: Path, out: Path) -> None:
    """Copy a clip into Matroska, with a track of text subtitles."""
    texts = out.with_suffix(".srt")
    texts.write_text(_SUBTITLES, encoding="utf-8")
    inputs = ("-i", str(clip), "-i", str(texts))
    maps = ("-map", "0:v", "-map", "0:a", "-map", "1")
    _run_ffmpeg(
        *inputs, *maps, "-c", "copy", "-metadata:s:s:0", "language=kor", "-bitexact", str(out)
    )


def make_two_slides(clip: Path, out: Path) -> None:
    """Repeat a clip of a still slide for 150 s; from 75 s on its colors are inverted.

    Chapters are at least a minute long, and no clip has a change of slide that is so far from both
    ends.
    """
    _run_ffmpeg(
        *("-stream_loop", "14", "-i", str(clip), "-t", "150"),
        *("-vf", "fps=5,negate=enable='gte(t,75)'"),
        *("-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-c:a", "aac"),
        *("-bitexact", str(out)),
    )


def _run_ffmpeg(*arguments: str) -> None:
    ffmpeg = os.environ.get("WORKER_FFMPEG", "ffmpeg")
    try:
        subprocess.run(
            [ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise CannotCompareError(f"{ffmpeg} cannot be run: {error}") from error
    except subprocess.CalledProcessError as error:
        raise CannotCompareError(f"FFmpeg cannot make a clip: {error.stderr[-500:]}") from error


def check_clips(jobs: Iterable[CompareJob]) -> None:
    """Check that every job's clip is there.

    Raises:
        CannotCompareError: one is not.

    """
    for job in jobs:
        if not (MEDIA / job.clip).is_file():
            raise CannotCompareError(
                f"no clip {MEDIA / job.clip}; set WORKER_TEST_MEDIA to the folder of the test clips"
            )


def find_source(job: CompareJob, folder: Path) -> Path:
    """Find a job's source, or make it in a folder; both workers read the same file.

    Raises:
        CannotCompareError: FFmpeg cannot make it.

    """
    clip = MEDIA / job.clip
    if job.make is None:
        return clip
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / job.made
    job.make(clip, out)
    return out


JOBS = (
    # As in production, x264 has several threads: the bit rates are a quarter of the caps.
    CompareJob(name="lecture", clip="lecture/gradio__art-critic.mp4", cpus=2),
    CompareJob(name="vfr", clip="oddities/mediabunny__cursed-vfr.mp4"),
    CompareJob(
        name="rotated", clip="oddities/media__internal_emulator_transformer_output_270_rotated.mp4"
    ),
    CompareJob(name="hdr", clip="oddities/media__hdr10-av1.mp4"),
    CompareJob(name="mpeg-ts", clip="oddities/tsduck-test__test-025.ts"),
    CompareJob(
        name="copy-top", clip="lecture/LivePortrait__s18.mp4", options=("--copy-top", "always")
    ),
    CompareJob(
        name="chapters",
        clip="lecture/opencast__av.mov",
        options=("--chapters",),
        make=make_two_slides,
        made="two-slides.mp4",
        must_publish=("*/chapters*.vtt",),
    ),
    CompareJob(
        name="subtitles",
        clip="lecture/Kap__incomplete.mp4",
        options=("--ladder", "480,240", "--preset", "superfast"),
        make=add_subtitles,
        made="subtitles.mkv",
        must_publish=("*/text*/*.vtt",),
    ),
    CompareJob(
        # Two spans of 8 segments: no joint depends on how fast each FFmpeg is. On two CPUs each
        # x264 has one thread.
        name="parallel",
        clip="normal/sample-videos__car-detection.mp4",
        options=("--parallel-spans", "2", "--segment", "2", "--preset", "veryfast"),
        cpus=2,
    ),
    CompareJob(
        name="resumed",
        clip="lecture/face_recogniti__short_hamilton_clip.mp4",
        options=("--segment", "2", "--ladder", "360,180"),
        is_resumed=True,
    ),
)
