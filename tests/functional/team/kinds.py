"""Eight kinds of uploads, each cut into ten segments or more, and the options of their jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.compare.jobs import add_subtitles, make_two_slides
from tests.functional.conftest import ffmpeg, media
from tests.functional.source.generated import X264, tone

SECRET = "a key secret of the tests, 32 bytes or more"
_FAST = ("--preset", "superfast")


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """What is uploaded, made by `make` in a folder, and the options with which it is published.

    All stay below the cap on the bit rate: there x264 depends on how far its other threads are.
    `repeats`: x264 makes the same bits of the same spans. Of the slides one segment in 38 has been
    seen with others.
    """

    name: str
    make: Callable[[Path], Path]
    options: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    repeats: bool = True

    @property
    def secret(self) -> str:
        return self.environment.get("WORKER_KEY_SECRET", "")

    def __str__(self) -> str:
        return self.name


def _screen(folder: Path) -> Path:
    """A recorded screen with a speaker beside it."""
    path = folder / "screen.mp4"
    ffmpeg(
        *("-i", media("lecture/gradio__art-critic.mp4"), "-vf", "fps=30,scale=-2:432", *X264),
        *("-crf", "18", "-c:a", "copy", path),
    )
    return path


def _vfr(folder: Path) -> Path:
    """A recorded screen with frames at uneven times, with keyframes as most encoders set them."""
    path = folder / "vfr.mp4"
    ffmpeg(
        *("-stream_loop", "1", "-i", media("oddities/mediabunny__cursed-vfr.mp4")),
        *("-vf", "scale=-2:360", "-fps_mode", "passthrough", *X264, path),
    )
    return path


def _late_audio(folder: Path) -> Path:
    path = folder / "late.mp4"
    clip = media("lecture/face_recogniti__short_hamilton_clip.mp4")
    ffmpeg(
        *("-i", clip, "-itsoffset", "2.5", *tone(7)),
        *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", path),
    )
    return path


def _head(folder: Path) -> Path:
    """A talking head that may be copied: its keyframes are a second apart."""
    path = folder / "head.mp4"
    ffmpeg(
        *("-stream_loop", "1", "-i", media("lecture/LivePortrait__s18.mp4"), "-vf", "scale=640:-2"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-g", "30"),
        *("-c:a", "aac", path),
    )
    return path


def _two_slides(folder: Path) -> Path:
    path = folder / "slides.mp4"
    make_two_slides(media("lecture/opencast__av.mov"), path)
    return path


def _with_subtitles(folder: Path) -> Path:
    path = folder / "subtitles.mkv"
    add_subtitles(media("lecture/Kap__incomplete.mp4"), path)
    return path


def _ntsc(folder: Path) -> Path:
    """At 30000/1001 frames per second no joint is at a whole number of ticks or AAC frames."""
    path = folder / "ntsc.mp4"
    chirp = "aevalsrc='0.4*sin(2*PI*(300*t+20*t*t))':s=48000:d=24"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=320x180:rate=30000/1001:duration=24"),
        *("-f", "lavfi", "-i", chirp, *X264, "-c:a", "aac", path),
    )
    return path


KINDS = (
    Kind(name="plain", make=_screen, options=("--ladder", "432,288,144", "--segment", "1", *_FAST)),
    Kind(name="vfr", make=_vfr, options=("--ladder", "360,180", "--segment", "1", *_FAST)),
    Kind(
        name="late-audio",
        make=_late_audio,
        options=("--ladder", "360,180", "--segment", "1", *_FAST),
    ),
    Kind(
        name="copied",
        make=_head,
        options=("--ladder", "360,180", "--segment", "1", "--copy-top", "always", *_FAST),
    ),
    Kind(
        name="chapters",
        make=_two_slides,
        options=("--ladder", "240", "--segment", "4", "--chapters", *_FAST),
        repeats=False,
    ),
    Kind(
        name="subtitles",
        make=_with_subtitles,
        options=("--ladder", "480,240", "--segment", "1", *_FAST),
    ),
    Kind(
        name="muxed",
        make=_ntsc,
        options=("--ladder", "180,144", "--segment", "2", "--audio", "muxed", *_FAST),
    ),
    Kind(
        name="encrypted",
        make=_ntsc,
        options=(
            *("--ladder", "180,144", "--segment", "2", *_FAST),
            *("--encrypt", "--key-uri", "https://keys.example/{key_id}"),
        ),
        environment={"WORKER_KEY_SECRET": SECRET},
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
