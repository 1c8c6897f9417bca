"""Makes thumbnails, the storyboard and chapters of a run's key frames.

They are read back from the store, so a resumed job has them all, and the encode does not wait for
them. A video without such extras is better than none: what cannot be made is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from worker.errors import CannotWriteError, StorageUnavailableError, VerificationError
from worker.ffmpeg.diagnostics import explain_failure
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg
from worker.hls.keyframes import KeyFrame, key_frames
from worker.hls.run import Run
from worker.images.chapters import Chapter, add_joints, find_chapters, render_chapters
from worker.images.commands import (
    AUDIO_THUMBNAIL,
    SHEETS,
    SMALL,
    THUMBNAILS,
    convert_cover,
    draw_waveform,
    make_thumbnails,
    measure_frames,
)
from worker.images.fallback_thumbnail import find_thumbnail
from worker.images.frame_stats import (
    FrameStats,
    UnexpectedFramesError,
    check_times,
    choose_thumbnails,
    read_frame_stats,
    read_times,
)
from worker.images.model import ImageSet
from worker.images.storyboard import Sheet, choose_frames, lay_out, render_storyboard
from worker.layout import File, chapters_file, choice_file, file_name, sheet_file, storyboard_file
from worker.plan.ladder import Rung
from worker.records.segment import Segment
from worker.runtime.command import Command
from worker.runtime.process import FailedError
from worker.runtime.threads import DaemonThreadPool, read_ahead, wait_for
from worker.runtime.workspace import Workspace
from worker.storage.retrying import RetryingStore

_KEYS = "keys.ts"
# Segments of audio that are in memory at a time.
_READ_AHEAD = 64
# What remains is for publishing, which matters more.
_LEAST_TIME_S = 10.0
# None of these is a reason to do without the video. What ends the job is none of them.
_TOLERATED = (
    *FFMPEG_FAILURES,
    UnexpectedFramesError,
    CannotWriteError,
    StorageUnavailableError,
    OSError,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageContext:
    """What images are made with: a run, its store, a workspace, and reading threads."""

    run: Run
    store: RetryingStore
    workspace: Workspace
    threads: int

    @property
    def keys(self) -> Path:
        """The file in which key frames, or the audio, lie in a row for FFmpeg."""
        return self.workspace.folder / _KEYS


@dataclass(frozen=True, kw_only=True, slots=True)
class _Overview:
    """Key frames of the whole video, on sheets and measured."""

    stats: tuple[FrameStats, ...]
    sheet: Sheet
    sheets: tuple[File, ...]


def generate_images(
    context: ImageContext, sources: Sequence[Path], names: Sequence[str], *, with_chapters: bool
) -> ImageSet:
    """Return what can be made of the run's frames, at least a thumbnail; of audio alone that.

    `sources` are the files of its parts, and `names` those by which people know them.

    Raises:
        BadSourceError: there is not even that.
        WorkerError: the budget's reason to stop.

    """
    run = context.run
    if not run.rungs:
        image = _make_cover(context, sources[0]) or _make_waveform(context)
        images = ImageSet(thumbnails=(choice_file(run.name, 0, image),))
        return _with_chapters(images, run, (), run.audio, names)
    top, lowest = run.rungs[0], run.rungs[-1]
    thumbnails: tuple[bytes, ...] = ()
    overview = None
    try:
        overview = _make_overview(run.renditions[lowest.name], lowest, context)
        thumbnails = _make_thumbnails(overview.stats, top, context)
    except _TOLERATED as error:
        log.warning("images_left_out", reason=str(error))
    if not thumbnails:
        # A short one that begins in black, for example: then frames between are searched.
        log.debug("thumbnail_from_source")
        thumbnails = (find_thumbnail(run.plan, sources, context.workspace),)
    choices = tuple(choice_file(run.name, i, data) for i, data in enumerate(thumbnails))
    if overview is None:
        segments = run.renditions[lowest.name]
        return _with_chapters(ImageSet(thumbnails=choices), run, (), segments, names)
    return _with_tracks(run, overview, choices, names, with_chapters=with_chapters)


def _make_cover(context: ImageContext, source: Path) -> bytes | None:
    """Make a thumbnail of the image that is attached to audio; None where none can be read."""
    cover = context.run.plan.media.cover
    if cover is None:
        return None
    try:
        _run(convert_cover(cover, source), context.workspace)
        return (context.workspace.folder / AUDIO_THUMBNAIL).read_bytes()
    except (*FFMPEG_FAILURES, OSError) as error:
        log.warning("images_left_out", reason=f"the cover cannot be read: {error}")
        return None


def _make_waveform(context: ImageContext) -> bytes:
    """Make a thumbnail of all audio that is published, which is read back from the store."""
    segments = context.run.audio
    with (
        DaemonThreadPool("images", context.threads) as pool,
        context.keys.open("wb") as file,
    ):
        reads = [partial(_read_whole, segment, context) for segment in segments]
        for reading in read_ahead(pool, reads, _READ_AHEAD):
            file.write(wait_for(reading, context.workspace.budget.check))
    command = draw_waveform(context.keys, context.run.plan.grid.duration_s)
    try:
        _run(command, context.workspace)
    except FailedError as error:
        raise explain_failure(error) from error
    return (context.workspace.folder / AUDIO_THUMBNAIL).read_bytes()


def _read_whole(segment: Segment, context: ImageContext) -> bytes:
    content = context.store.get(f"{context.run.name}/{segment.name}")
    if content is None:
        raise VerificationError(
            f"{segment.name} is gone from {context.store}; submit the job again"
        )
    return context.run.cipher.decrypt(segment.rendition, segment.index, content.data)


def _with_tracks(
    run: Run,
    overview: _Overview,
    thumbnails: tuple[File, ...],
    names: Sequence[str],
    *,
    with_chapters: bool,
) -> ImageSet:
    segments = run.renditions[run.rungs[-1].name]
    found = find_chapters(overview.stats, segments) if with_chapters else ()
    if with_chapters:
        log.info("chapters_found", count=len(found))
    storyboard = render_storyboard(
        [one.frame for one in overview.stats],
        overview.sheet,
        [file_name(sheet.key) for sheet in overview.sheets],
        end_ticks=segments[-1].end_ticks,
    )
    images = ImageSet(
        thumbnails=thumbnails,
        sheets=overview.sheets,
        storyboard=storyboard_file(run.name, storyboard),
    )
    return _with_chapters(images, run, found, segments, names)


def _with_chapters(
    images: ImageSet,
    run: Run,
    found: Sequence[Chapter],
    segments: Sequence[Segment],
    names: Sequence[str],
) -> ImageSet:
    """Add the chapters that were found, and those of the joints of several parts."""
    starts_s = [part.first_frame / run.plan.grid.rate for part in run.plan.parts]
    chapters = add_joints(found, [round(1000 * start_s) for start_s in starts_s], names)
    if not chapters:
        return images
    track = chapters_file(run.name, render_chapters(chapters, segments))
    return replace(images, chapters=chapters, chapters_track=track)


def _make_overview(segments: Sequence[Segment], rung: Rung, context: ImageContext) -> _Overview:
    """Decode key frames of a rung that show the whole video."""
    all_frames = key_frames(segments)
    if not all_frames:
        raise UnexpectedFramesError("where the key frames end is not recorded")
    if context.workspace.budget.remaining_s < _LEAST_TIME_S:
        raise UnexpectedFramesError("there is no time left")
    frames = choose_frames(all_frames)
    sheet = lay_out(len(frames), rung.width, rung.height)
    _gather(frames, context)
    lines = _run(measure_frames(context.keys, sheet), context.workspace)
    stats = read_frame_stats(frames, lines, (context.workspace.folder / SMALL).read_bytes())
    images = _collect(SHEETS, -(-len(frames) // sheet.tiles), context.workspace)
    sheets = tuple(sheet_file(context.run.name, i, data) for i, data in enumerate(images))
    return _Overview(stats=stats, sheet=sheet, sheets=sheets)


def _make_thumbnails(
    stats: Sequence[FrameStats], rung: Rung, context: ImageContext
) -> tuple[bytes, ...]:
    """Make thumbnails of the best frames, the best first; none where none is good."""
    chosen = [one.frame.index for one in choose_thumbnails(stats)]
    if not chosen:
        return ()
    in_order = sorted(chosen)
    all_frames = key_frames(context.run.renditions[rung.name])
    frames = [all_frames[index] for index in in_order]
    _gather(frames, context)
    lines = _run(make_thumbnails(context.keys, rung), context.workspace)
    check_times(frames, read_times(lines))
    images = _collect(THUMBNAILS, len(frames), context.workspace)
    return tuple(images[in_order.index(index)] for index in chosen)


def _gather(frames: Sequence[KeyFrame], context: ImageContext) -> None:
    """Read key frames back from the store, and write them in a row."""
    with (
        DaemonThreadPool("images", context.threads) as pool,
        context.keys.open("wb") as file,
    ):
        readings = [pool.submit(_reader(frame, context)) for frame in frames]
        for frame, reading in zip(frames, readings, strict=True):
            data = wait_for(reading, context.workspace.budget.check)
            if data is None or len(data) != frame.bytes:
                raise UnexpectedFramesError(f"{frame.name} cannot be read back")
            file.write(data)


def _reader(frame: KeyFrame, context: ImageContext) -> Callable[[], bytes | None]:
    key = f"{context.run.name}/{frame.name}"
    cipher = context.run.cipher

    def read() -> bytes | None:
        start = context.store.get_start(key, cipher.stored_bytes(frame.bytes))
        if start is None:
            return None
        return cipher.decrypt_start(frame.rendition, frame.index, start)[: frame.bytes]

    return read


def _run(command: Command, workspace: Workspace) -> list[str]:
    lines: list[str] = []
    run_ffmpeg("ffmpeg (images)", command, workspace, on_line=lambda line: lines.append(line.text))
    return lines


def _collect(pattern: str, count: int, workspace: Workspace) -> tuple[bytes, ...]:
    """Read the images that FFmpeg wrote, of which there must be so many."""
    paths = [workspace.folder / (pattern % i) for i in range(count + 1)]
    if paths[-1].exists():
        raise UnexpectedFramesError(f"there are more than {count} of {pattern}")
    return tuple(path.read_bytes() for path in paths[:-1])
