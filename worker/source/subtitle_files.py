"""Reads files of subtitles that a job names beside its source, as WebVTT renditions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import structlog

from worker.config.clip import Clip
from worker.config.job import Job
from worker.config.values import SubtitleSource
from worker.errors import BadSourceError, NoSourceError, SourceFault
from worker.hls.run import TextRendition
from worker.hls.webvtt import (
    Cue,
    TooManyCuesError,
    clip_cue,
    cut_cues,
    render_segments,
    segment_lengths_s,
)
from worker.media.timeline import Grid
from worker.runtime.budget import Budget
from worker.runtime.threads import run_in_thread
from worker.storage.base import BrokenOffError, RemoteFile
from worker.storage.open import open_input
from worker.storage.retrying import retry_in_thread
from worker.text.file_cue import BadSubtitlesError
from worker.text.subtitle_file import SubtitleTrack, read_subtitle_file

# Three hours in two languages have a tenth of it.
_MAX_BYTES = 4 << 20
# An attempt to read one; what is sent more slowly is read again, for two minutes and more.
_LONGEST_READ_S = 60.0

_ALL = Clip()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsideTrack:
    """The cues of one file, on the file's own time.

    `identity` names its language and its very content, wherever the file is. It is read once and
    whole, so that nothing can be of another one.
    """

    source: SubtitleSource
    identity: str
    cues: tuple[Cue, ...]


def open_subtitles(job: Job, budget: Budget) -> tuple[OutsideTrack, ...]:
    """Read the files that a job names.

    Raises:
        BadSourceError: one cannot be used; the message has its name and a line.
        NoSourceError: one is missing, reading it is denied, or it was replaced meanwhile.
        WorkerError: its store does not answer; the budget's reason to stop.

    """
    return tuple(_open(source, job, budget) for source in job.subtitles)


def _open(source: SubtitleSource, job: Job, budget: Budget) -> OutsideTrack:
    data = _read(source, job, budget)
    return OutsideTrack(
        source=source,
        identity=f"{source.language} {hashlib.sha256(data).hexdigest()}",
        # In a thread: a hostile one takes seconds, and a stop does not wait for them.
        cues=run_in_thread(lambda: _read_track(source, data).cues, budget.check),
    )


def _read(source: SubtitleSource, job: Job, budget: Budget) -> bytes:
    opened = open_input(source.location, job, budget)
    content = opened.content
    if isinstance(content, Path):
        data = run_in_thread(lambda: _read_local(content), budget.check)
        opened.check_unchanged()
    else:
        data = retry_in_thread(lambda: _read_remote(content, source, budget), budget)
    _check_size(len(data), source)
    return data


def _read_local(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise NoSourceError(f"cannot read {path}: {error.strerror}; check the path") from error


def _read_remote(remote: RemoteFile, source: SubtitleSource, budget: Budget) -> bytes:
    size, begun_s = remote.size_bytes, budget.elapsed_s
    _check_size(size or 0, source)
    data = bytearray()
    if size == 0:
        return b""
    for chunk in remote.read(0, size or 0):
        data += chunk
        _check_size(len(data), source)
        if budget.elapsed_s - begun_s > _LONGEST_READ_S:
            raise BrokenOffError(
                f"{source.location} is sent too slowly: {len(data)} bytes in"
                f" {_LONGEST_READ_S:.0f} s; submit the job again when its server is faster"
            )
    if size is not None and len(data) != size:
        raise BrokenOffError(
            f"{source.location} broke off at byte {len(data)} of {size}; submit the job again"
        )
    return bytes(data)


def _check_size(size: int, source: SubtitleSource) -> None:
    if size > _MAX_BYTES:
        raise _bad(source, f"has more than {_MAX_BYTES >> 20} MiB, which no subtitles have")


def _read_track(source: SubtitleSource, data: bytes) -> SubtitleTrack:
    language, name = source.language, str(source.location)
    try:
        track = read_subtitle_file(data, language=language)
    except BadSubtitlesError as error:
        raise _bad(source, f"cannot be used: {error}") from error
    log.info(
        "subtitles_read",
        language=language,
        file=name,
        format=track.format,
        encoding=track.encoding,
        cues=len(track.cues),
    )
    if track.faults:
        first = track.faults[0]
        log.warning(
            "cues_left_out",
            language=language,
            file=name,
            count=len(track.faults),
            line=first.line,
            reason=first.reason,
        )
    return track


def fit_tracks(
    tracks: Sequence[OutsideTrack], grid: Grid, clip: Clip = _ALL
) -> tuple[TextRendition, ...]:
    """Cut tracks to the video, and into segments; their zero is that of the source.

    Of a track of which nothing is left there is no rendition.

    Raises:
        BadSourceError: the cues of one overlap until they fill the segments.

    """
    start_s = round(clip.start_s * grid.rate) / grid.rate
    fitted = ((track.source, _fit(track, grid, round(1000 * start_s))) for track in tracks)
    return tuple(
        TextRendition.from_outside(source.language, segments=segments)
        for source, segments in fitted
        if segments
    )


def _fit(track: OutsideTrack, grid: Grid, start_ms: int) -> tuple[str, ...]:
    source = track.source
    moved = [
        clip_cue(cue.start_ms - start_ms, cue.end_ms - start_ms, cue.text, cue.settings)
        for cue in track.cues
    ]
    cues, shortened = cut_cues([*chain.from_iterable(moved)], round(1000 * grid.duration_s))
    left_out = len(track.cues) - len(cues)
    if left_out or shortened:
        log.warning(
            "cues_cut",
            language=source.language,
            file=str(source.location),
            left_out=left_out,
            shortened=shortened,
        )
    if not cues:
        reason = f"{source.location}: none of its cues is within the video"
        log.warning("subtitles_left_out", reason=reason)
        return ()
    try:
        return render_segments(cues, segment_lengths_s(grid))
    except TooManyCuesError as error:
        raise _bad(source, f"cannot be used: {error}") from error


def _bad(source: SubtitleSource, why: str) -> BadSourceError:
    return BadSourceError(
        f"the subtitle file {source.location} {why}; correct the file and submit the job again",
        code=SourceFault.BAD_SUBTITLES,
    )
