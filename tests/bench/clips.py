"""The clips that are measured: real lectures and ordinary footage, looped to a useful length."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.decoded import UNTIMED_RATE
from tests.functional.conftest import FFMPEG, MEDIA, ROOT, ffprobe

LECTURE, NORMAL = "lecture", "normal"
# A clip of one still frame, or of a few frames, shows nothing.
_LEFT_OUT = {
    "siti-tools__lights-hlg.mov",
    "media__long_1080p_lowbitrate.mp4",
    "media__long_1080p_videoonly_lowbitrate.mp4",
}
_RAW_SUFFIX = ".264"
# Not compared before the seam of a loop, where audio and video end at different times.
_SEAM_S = 0.5
WHITEBOARD = "whiteboard.mp4"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A source to measure, on disk."""

    name: str
    kind: str
    path: Path
    # Within the first repetition: at the seam of a loop, each variant may be a frame off.
    compared_s: float


def find_clips(kinds: tuple[str, ...], only: tuple[str, ...]) -> list[tuple[str, str, Path | None]]:
    """List the clips of these kinds, or those that are named; the generated one has no path."""
    found: list[tuple[str, str, Path | None]] = [
        (path.name, kind, path)
        for kind in kinds
        for path in sorted((MEDIA / kind).iterdir())
        if path.name not in _LEFT_OUT
    ]
    if LECTURE in kinds:
        found.append((WHITEBOARD, LECTURE, None))
    return [each for each in found if not only or any(word in each[0] for word in only)]


def make_clip(name: str, kind: str, path: Path | None, *, folder: Path, seconds: float) -> Clip:
    """Loop a clip (its packets, not encoded anew) to about so many seconds."""
    # Not Matroska, whose milliseconds would make a rate of 60 uneven.
    made = folder / f"{Path(name).stem}.mp4"
    if path is None:
        subprocess.run([ROOT / "scripts" / "sample-lecture", made, str(round(seconds))], check=True)
        return Clip(name=name, kind=kind, path=made, compared_s=seconds)
    length = _length(path)
    looped = loop(path, made, seconds=seconds)
    compared_s = min(seconds, length)
    if looped != path:
        compared_s = max(1.0, compared_s - _SEAM_S)
    return Clip(name=name, kind=kind, path=looped, compared_s=compared_s)


def loop(path: Path, made: Path, *, seconds: float) -> Path:
    """Repeat a clip's packets to about so many seconds; one that is long enough stays as it is."""
    times = max(1, round(seconds / _length(path)))
    if times == 1:
        return path
    if path.suffix == _RAW_SUFFIX:
        # It has no timestamps: concatenated copies are a longer one.
        raw = made.with_suffix(_RAW_SUFFIX)
        raw.write_bytes(times * path.read_bytes())
        return raw
    subprocess.run(
        [
            *(FFMPEG, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
            *("-stream_loop", str(times - 1), "-i", str(path)),
            *("-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", str(made)),
        ],
        check=True,
    )
    return made


def _length(path: Path) -> float:
    entries = ("-show_entries", "stream=nb_read_packets:format=duration")
    wanted = ("-select_streams", "v:0", "-count_packets", *entries)
    count, duration = ffprobe(*wanted, "-print_format", "csv=p=0", path).split()
    # A raw stream states no duration: it has one packet for each frame, and gets this frame rate.
    return int(count) / UNTIMED_RATE if duration == "N/A" else float(duration)
