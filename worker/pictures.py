"""Makes thumbnails, the storyboard and chapters of a run's key pictures.

They are read back from the store, so a job that goes on where another ended has them all, and
nothing of it is in the way of the encode. A video without such extras is better than none: what
cannot be made is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from worker.alone import CAME_TO_NOTHING, run_alone
from worker.apart import Crew, wait_for
from worker.chapters import find_chapters, render_chapters
from worker.errors import CannotWriteError, StorageUnavailableError
from worker.gallery import Gallery
from worker.ladder import Rung
from worker.looks import (
    Look,
    StrangePicturesError,
    choose_looks,
    read_looks,
    read_times,
    refuse_others,
)
from worker.plan import Plan
from worker.playlist import key_pictures
from worker.process import Build, Tools
from worker.segment import Segment
from worker.stills import SHEETS, SMALL, STATS, THUMBNAILS, make_thumbnails, show_pictures
from worker.store import SteadyStore
from worker.storyboard import Sheet, choose_pictures, lay_out, render_storyboard
from worker.thumbnail import choose_thumbnail

_KEYS = "keys.ts"
# What remains is for publishing, which matters more.
_LEAST_TIME_S = 10.0
# None of these is a reason to do without the video. What ends the job is none of them.
_BEARABLE = (
    *CAME_TO_NOTHING,
    StrangePicturesError,
    CannotWriteError,
    StorageUnavailableError,
    OSError,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What pictures are made with: the run's store, a folder, programs, and reading threads."""

    store: SteadyStore
    run: str
    folder: Path
    tools: Tools
    threads: int

    @property
    def keys(self) -> Path:
        """The file in which key pictures lie in a row for FFmpeg."""
        return self.folder / _KEYS


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """Key pictures of the whole video, on sheets and looked at."""

    looks: tuple[Look, ...]
    sheet: Sheet
    sheets: tuple[bytes, ...]


def make_gallery(
    plan: Plan,
    renditions: Mapping[str, Sequence[Segment]],
    source: Path,
    *,
    desk: Desk,
    with_chapters: bool,
) -> Gallery:
    """Return what can be made of the pictures, at least a thumbnail.

    Raises:
        BadSourceError: there is not even that.
        WorkerError: the budget's reason to stop.

    """
    rungs = [rung for rung in plan.rungs if rung.name in renditions]
    thumbnails: tuple[bytes, ...] = ()
    seen = None
    try:
        lowest = rungs[-1]
        seen = _see(renditions[lowest.name], lowest, desk)
        thumbnails = _thumbnails(seen.looks, renditions[rungs[0].name], rungs[0], desk)
    except _BEARABLE as error:
        log.warning("pictures_left_out", reason=str(error))
    if not thumbnails:
        # A short one that begins in black, for example: then what lies between is looked at.
        log.debug("thumbnail_from_source")
        found = choose_thumbnail(plan, source, folder=desk.folder, tools=desk.tools)
        thumbnails = (found,)
    if seen is None:
        return Gallery(thumbnails=thumbnails)
    segments = renditions[rungs[-1].name]
    chapters = find_chapters(seen.looks, segments) if with_chapters else ()
    if with_chapters:
        log.info("chapters_found", count=len(chapters))
    return Gallery(
        thumbnails=thumbnails,
        sheets=seen.sheets,
        storyboard=render_storyboard(
            [look.picture for look in seen.looks], seen.sheet, end_ticks=segments[-1].end_ticks
        ),
        chapters=chapters,
        chapters_track=render_chapters(chapters, segments) if chapters else "",
    )


def _see(segments: Sequence[Segment], rung: Rung, desk: Desk) -> _Seen:
    """Decode key pictures of a rung that stand for the whole video."""
    all_pictures = key_pictures(segments)
    if not all_pictures:
        raise StrangePicturesError("where the key pictures end is not known")
    if desk.tools.budget.remaining_s < _LEAST_TIME_S:
        raise StrangePicturesError("there is no time left")
    pictures = choose_pictures(all_pictures)
    sheet = lay_out(len(pictures), rung.width, rung.height)
    _gather(pictures, desk)
    lines = _run(
        lambda pipes: show_pictures(desk.keys, sheet, ffmpeg_path=desk.tools.ffmpeg, pipes=pipes),
        desk,
    )
    looks = read_looks(pictures, lines, (desk.folder / SMALL).read_bytes())
    sheets = _take(SHEETS, -(-len(pictures) // sheet.places), desk)
    return _Seen(looks=looks, sheet=sheet, sheets=sheets)


def _thumbnails(
    looks: Sequence[Look], segments: Sequence[Segment], rung: Rung, desk: Desk
) -> tuple[bytes, ...]:
    """Make thumbnails of the best of what was seen, the best first; none where none is good."""
    chosen = [look.picture.index for look in choose_looks(looks)]
    if not chosen:
        return ()
    in_order = sorted(chosen)
    pictures = [key_pictures(segments)[index] for index in in_order]
    _gather(pictures, desk)
    lines = _run(
        lambda pipes: make_thumbnails(desk.keys, rung, ffmpeg_path=desk.tools.ffmpeg, pipes=pipes),
        desk,
    )
    refuse_others(pictures, read_times(lines))
    stills = _take(THUMBNAILS, len(pictures), desk)
    return tuple(stills[in_order.index(index)] for index in chosen)


def _gather(pictures: Sequence[Segment], desk: Desk) -> None:
    """Read key pictures back from the store, and write them in a row."""
    with Crew("pictures", desk.threads) as crew, desk.keys.open("wb") as file:
        readings = [crew.submit(_reader(picture, desk)) for picture in pictures]
        for picture, reading in zip(pictures, readings, strict=True):
            data = wait_for(reading, desk.tools.budget.check)
            if data is None or len(data) != picture.bytes:
                raise StrangePicturesError(f"{picture.name} cannot be read back")
            file.write(data)


def _reader(picture: Segment, desk: Desk) -> Callable[[], bytes | None]:
    key = f"{desk.run}/{picture.name}"
    return lambda: desk.store.get_start(key, picture.bytes)


def _run(build: Build, desk: Desk) -> list[str]:
    lines: list[str] = []
    run_alone(
        "ffmpeg (pictures)",
        build,
        folder=desk.folder,
        tools=desk.tools,
        labels=[STATS],
        on_line=lambda line: lines.append(line.text),
    )
    return lines


def _take(pattern: str, count: int, desk: Desk) -> tuple[bytes, ...]:
    """Take what FFmpeg wrote, of which there must be so many."""
    paths = [desk.folder / (pattern % i) for i in range(count + 1)]
    if paths[-1].exists():
        raise StrangePicturesError(f"there are more than {count} of {pattern}")
    return tuple(path.read_bytes() for path in paths[:-1])
