"""Looks for a thumbnail in the source, where no key picture shows anything: a fade-in, mostly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from worker.alone import run_alone
from worker.errors import BadSourceError, EncoderKilledError
from worker.looks import STAT, shows_something
from worker.plan import Plan
from worker.process import FailedError, Line, Tools
from worker.stills import STATS, pick_thumbnail

# Where to look, as shares of the length: past a title or a fade-in first, then everywhere.
_PLACES = (0.1, 0.3, 0.5, 0.7, 0.9, 0.02, 0.97, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    jpeg: bytes
    mean: float
    contrast: float


def choose_thumbnail(plan: Plan, source: Path, *, folder: Path, tools: Tools) -> bytes:
    """Return a JPEG: the first good picture, or the one with most to see.

    Raises:
        BadSourceError: no place of the source gave a picture at all.
        EncoderKilledError: none did, and FFmpeg was killed at one: that says nothing of the source.

    """
    best: _Candidate | None = None
    killed: EncoderKilledError | None = None
    length_s = plan.media.video.packets.end_s or float(plan.grid.duration_s)
    for share in _PLACES:
        try:
            candidate = _candidate(plan, source, share * length_s, folder=folder, tools=tools)
        except EncoderKilledError as error:
            killed = error
            continue
        if candidate is None:
            continue
        if shows_something(mean=candidate.mean, contrast=candidate.contrast):
            return candidate.jpeg
        if best is None or (candidate.contrast, candidate.mean) > (best.contrast, best.mean):
            best = candidate
    if best is None and killed is not None:
        raise killed
    if best is None:
        raise BadSourceError("no picture for the thumbnail can be decoded: the file is damaged")
    return best.jpeg


def _candidate(
    plan: Plan, source: Path, at_s: float, *, folder: Path, tools: Tools
) -> _Candidate | None:
    path = folder / "thumbnail.jpg"
    path.unlink(missing_ok=True)
    stats = {"YAVG": 0.0, "YMIN": 0.0, "YMAX": 0.0}

    def note(line: Line) -> None:
        if match := STAT.search(line.text):
            stats[match[1]] = float(match[2])

    try:
        run_alone(
            "ffmpeg (thumbnail)",
            lambda pipes: pick_thumbnail(
                plan,
                source,
                ffmpeg_path=tools.ffmpeg,
                at_s=at_s,
                output=path.name,
                stats_fd=pipes[STATS],
            ),
            folder=folder,
            tools=tools,
            labels=[STATS],
            on_line=note,
        )
    except FailedError:
        # A damaged place; another may do.
        return None
    if not path.is_file() or not path.stat().st_size:
        return None
    return _Candidate(
        jpeg=path.read_bytes(), mean=stats["YAVG"], contrast=stats["YMAX"] - stats["YMIN"]
    )
