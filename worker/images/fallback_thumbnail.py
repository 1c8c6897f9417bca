"""Searches the source for a thumbnail, where no key frame shows anything: a fade-in, mostly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.errors import BadSourceError, EncoderKilledError, SourceFault
from worker.ffmpeg.run import run_ffmpeg
from worker.images.commands import pick_thumbnail
from worker.images.frame_stats import STAT, shows_something
from worker.plan.plan import Plan
from worker.runtime.child import Line
from worker.runtime.process import FailedError
from worker.runtime.workspace import Workspace

# Where to search, as shares of the length: past a title or a fade-in first, then everywhere.
_POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.02, 0.97, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    jpeg: bytes
    mean: float
    contrast: float


def find_thumbnail(plan: Plan, sources: Sequence[Path], workspace: Workspace) -> bytes:
    """Return a JPEG: the first good frame, or the one with most contrast.

    Raises:
        BadSourceError: no position of the source gave a frame at all.
        EncoderKilledError: none did, and FFmpeg was killed at one: that says nothing of the source.

    """
    best: _Candidate | None = None
    killed: EncoderKilledError | None = None
    lengths_s = [_shown_s(plan.alone(index)) for index in range(len(plan.parts))]
    for share in _POSITIONS:
        index, at_s = _locate(share * sum(lengths_s), lengths_s)
        try:
            candidate = _candidate(plan.alone(index), sources[index], at_s, workspace)
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
        raise BadSourceError(
            "no frame for the thumbnail can be decoded: the file is damaged",
            code=SourceFault.DAMAGED,
        )
    return best.jpeg


def _shown_s(plan: Plan) -> float:
    """Return how long there is video, in the plan of one part."""
    length_s, end_s = float(plan.grid.duration_s), plan.media.video.packets.end_s
    # A grid is up to half a frame shorter than its file. Before a clip the video may have ended.
    return max(0.0, min(end_s or length_s, length_s + 0.5 / float(plan.grid.rate)))


def _locate(at_s: float, lengths_s: Sequence[float]) -> tuple[int, float]:
    """Return in which of parts of these lengths a time is, and the time from the part's start."""
    *earlier, _ = lengths_s
    for index, length_s in enumerate(earlier):
        if at_s < length_s:
            return index, at_s
        at_s -= length_s
    return len(earlier), at_s


def _candidate(plan: Plan, source: Path, at_s: float, workspace: Workspace) -> _Candidate | None:
    path = workspace.folder / "thumbnail.jpg"
    path.unlink(missing_ok=True)
    stats = {"YAVG": 0.0, "YMIN": 0.0, "YMAX": 0.0}

    def note(line: Line) -> None:
        if match := STAT.search(line.text):
            stats[match[1]] = float(match[2])

    if times_s := plan.media.video.packets.times_s:
        # After the last frame there is none to decode.
        at_s = min(at_s, times_s[-1] - 0.5 / float(plan.grid.rate))
    command = pick_thumbnail(plan, source, at_s=at_s, output=path.name)
    try:
        run_ffmpeg("ffmpeg (thumbnail)", command, workspace, on_line=note)
    except FailedError:
        # The source is damaged there; another position may do.
        return None
    if not path.is_file() or not path.stat().st_size:
        return None
    return _Candidate(
        jpeg=path.read_bytes(), mean=stats["YAVG"], contrast=stats["YMAX"] - stats["YMIN"]
    )
