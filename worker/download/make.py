"""Makes the downloads of a run: remuxed from what is stored, checked, and stored beside it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from threading import Event

import structlog

from worker.download.content import Content, Timing, check_duration, check_times, time_video
from worker.download.feed import Feed, read_stored
from worker.errors import CannotWriteError
from worker.ffmpeg.diagnostics import explain_failure
from worker.ffmpeg.framecrc import FramecrcReader
from worker.ffmpeg.inputs import show_streams
from worker.ffmpeg.remux import DownloadFormat, list_download, write_download
from worker.ffmpeg.run import run_ffmpeg
from worker.layout import download_file
from worker.records.manifest import DownloadRecord
from worker.runtime.child import Line
from worker.runtime.process import FailedError
from worker.runtime.threads import DaemonThreadPool, wait_for
from worker.runtime.workspace import Workspace
from worker.storage.base import Parts
from worker.storage.retrying import RetryingStore

_DISK_MARGIN_BYTES = 64 << 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadContext:
    """What downloads are made with. `title` is what browsers save them as."""

    store: RetryingStore
    workspace: Workspace
    title: str


def make_downloads(
    formats: Iterable[DownloadFormat],
    content: Content,
    context: DownloadContext,
    *,
    standing: Iterable[DownloadRecord] = (),
) -> tuple[DownloadRecord, ...]:
    """Make and store the downloads that were asked for, one after the other.

    Of a video without audio there is no file of audio alone. Those of the same content that are
    `standing` already are not made again.

    Raises:
        CannotWriteError: the work folder has no space for one.
        VerificationError: one is not what its segments are.
        WorkerError: as FFmpeg and the store raise it.

    """
    known = {record.format: record for record in standing}
    return tuple(
        known.get(suffix)
        or _make(suffix, content.only_audio() if suffix == "m4a" else content, context)
        for suffix in formats
        if content.audio or suffix != "m4a" or _leave_out(suffix)
    )


def _leave_out(suffix: DownloadFormat) -> bool:
    log.warning("download_left_out", format=suffix, reason="the video has no audio")
    return False


def _make(suffix: DownloadFormat, content: Content, context: DownloadContext) -> DownloadRecord:
    budget = context.workspace.budget
    started_s = budget.elapsed_s
    path = context.workspace.folder / f"download.{suffix}"
    _check_space(path.parent, content.most_bytes)
    try:
        _remux(suffix, path, content, context)
        _check(path, content, context.workspace)
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        size = path.stat().st_size
        large = download_file(content.run, suffix, path, size=size, md5=md5, title=context.title)
        stored = context.store.put_large(large, Parts())
    except FailedError as error:
        raise explain_failure(error) from error
    finally:
        path.unlink(missing_ok=True)
    log.info(
        "download_made",
        format=suffix,
        key=large.key,
        bytes=size,
        seconds=round(budget.elapsed_s - started_s, 1),
    )
    return DownloadRecord(
        format=suffix,
        key=large.key,
        bytes=size,
        md5=md5,
        etag=stored.etag,
        content_type=large.content_type,
    )


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _DISK_MARGIN_BYTES:
        raise CannotWriteError(
            f"the work folder {folder} has {free >> 20} MiB free, the download needs"
            f" {(size + _DISK_MARGIN_BYTES) >> 20} MiB; give the job a larger volume, or submit it"
            " without --download: all that was encoded is stored"
        )


def _remux(suffix: DownloadFormat, path: Path, content: Content, context: DownloadContext) -> None:
    """Write the file of segments that are read from the store as FFmpeg takes them."""
    workspace, tracks, ended = context.workspace, content.tracks(), Event()
    fifos = {kind: f"download.{kind}" for kind in tracks}
    for name in fifos.values():
        workspace.add_fifo(name)
    timing = _time_video(content, context.store)
    command = write_download(
        path.name,
        container=suffix,
        video=Path(fifos["video"]) if "video" in fifos else None,
        audio=Path(fifos["audio"]) if "audio" in fifos else None,
        dts=timing.dts,
        duration=timing.duration,
    )
    with DaemonThreadPool("feed", len(tracks)) as pool:
        feeds = {
            kind: Feed(context.store, content.run, segments, stopped=ended)
            for kind, segments in tracks.items()
        }
        running = [
            pool.submit(partial(feed.run, workspace.folder / fifos[kind]))
            for kind, feed in feeds.items()
        ]
        failure: FailedError | None = None
        try:
            run_ffmpeg("ffmpeg (download)", command, workspace, file_bytes=content.most_bytes)
        except FailedError as error:
            failure = error
        finally:
            ended.set()
        for each in running:
            # Where a segment could not be read, that is why FFmpeg failed, if it did.
            wait_for(each, workspace.budget.check)
        if failure is not None:
            raise failure


def _time_video(content: Content, store: RetryingStore) -> Timing:
    if not content.video:
        return Timing()
    return time_video(content, read_stored(store, content.run, content.video[-1]))


def _check(path: Path, content: Content, workspace: Workspace) -> None:
    """Compare the file with its segments: packets, their times, and its duration."""
    tracks = content.tracks()
    readers = {kind: FramecrcReader() for kind in tracks}
    times_s: dict[str, list[Fraction]] = {kind: [] for kind in tracks}

    def read(line: Line) -> None:
        packet = readers[line.label].read(line.text) if line.label in readers else None
        if packet is not None:
            times_s[line.label].append(packet.at_s)

    command = list_download(Path(path.name), list(tracks))
    run_ffmpeg("ffmpeg (download check)", command, workspace, on_line=read)
    for kind, segments in tracks.items():
        check_times(kind, segments, times_s[kind])
    shown = _show(Path(path.name), workspace)
    check_duration(content, Fraction(json.loads("".join(shown))["format"]["duration"]))


def _show(path: Path, workspace: Workspace) -> Sequence[str]:
    lines: list[str] = []
    run_ffmpeg(
        "ffprobe (download)",
        show_streams(path),
        workspace,
        on_line=lambda line: lines.append(line.text),
    )
    return lines
