"""Repairs a source whose timestamps restart or leap, and one that is several files put end to end.

Its tracks are copied, part by part, into one file whose timestamps run through.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from worker.config.job import Job
from worker.errors import BadSourceError, CannotWriteError, SourceFault
from worker.ffmpeg.diagnostics import explain_failure
from worker.ffmpeg.remux import copy_format, copy_tracks, keeps_pes, rewrite_timestamps
from worker.ffmpeg.run import run_ffmpeg
from worker.media.sections.model import MAX_SECTIONS, count_jumps
from worker.media.sections.shifts import packet_shifts, shifts_s, shown_shifts
from worker.media.streams import Media
from worker.plan.refusals import refuse_truncated
from worker.runtime.command import Command
from worker.runtime.process import FailedError
from worker.runtime.sandbox import MAX_FILE_BYTES
from worker.runtime.workspace import Workspace
from worker.source.probe import find_sections, probe
from worker.source.repair.alike import Recording, refuse_incomplete, refuse_unlike, unrepairable
from worker.source.repair.appended import Part, copy_part, find_parts
from worker.source.tracks import cut_before_tables

# Where the copy begins: no time of it is negative, which not every container can say.
_START_S = 1.0
# What a part is that would be no video by itself: the rest of the upload is one.
_LATER_FAULTS = {
    SourceFault.UNREADABLE: SourceFault.TRUNCATED,
    SourceFault.EMPTY: SourceFault.TRUNCATED,
    SourceFault.NO_VIDEO: SourceFault.BROKEN_TIMESTAMPS,
    SourceFault.AUDIO_ONLY: SourceFault.BROKEN_TIMESTAMPS,
}

log = structlog.get_logger(__name__)


def repair_timestamps(
    source: Path, media: Media, job: Job, workspace: Workspace
) -> tuple[Path, Media]:
    """Return a file whose timestamps run from start to end, and what is in it.

    The source itself, where it is one recording on one clock whose tracks are found at its start.

    Raises:
        BadSourceError: a part cannot be read, or its tracks cannot be copied.
        CannotWriteError: there is no space for the copies.

    """
    parts = find_parts(source, workspace.budget.check, allow_truncated=job.allow_truncated)
    parts = parts or cut_before_tables(source, media.recordings_at)
    is_copied = bool(parts) or media.is_late or media.has_own_clock
    if not (is_copied or media.jumps):
        return source, media
    if parts:
        if not (media.jumps or job.allow_truncated) and all(part.prefix for part in parts[1:]):
            refuse_truncated(media)
        recordings = _cut(source, parts, job, workspace)
    else:
        recordings = [_recording(source, media, workspace)]
    jumps = count_jumps([section for each in recordings for section in each.sections])
    if jumps < 1 and not is_copied:
        return source, replace(media, jumps=0)
    if jumps >= MAX_SECTIONS:
        raise unrepairable(f"they restart or leap {MAX_SECTIONS} times or more")
    refuse_unlike(recordings, workspace)
    path = _join(recordings, workspace)
    try:
        copy = probe(path, job, workspace)
    except BadSourceError as error:
        # Of MPEG-TS FFmpeg reads a few seconds to find the tracks: a first frame may stay longer.
        raise unrepairable("the copy cannot be read") from error
    repaired = _as_first(copy, recordings[0].media)
    refuse_incomplete(repaired, recordings)
    # Judged as the source is: in a copy in MPEG-TS, too, a frame may stay for minutes.
    as_source = replace(repaired, container=media.container)
    if count_jumps(find_sections(path, as_source, workspace)) > 0:
        raise unrepairable("they restart still in the copy")
    log.info(
        "timestamps_repaired", jumps=jumps, parts=len(recordings), texts_left_out=len(media.texts)
    )
    return path, replace(repaired, jumps=0)


def _cut(source: Path, parts: Sequence[Part], job: Job, workspace: Workspace) -> list[Recording]:
    """Make a file of each part, and read it; one that cannot be read is left out on request."""
    # The parts, and their copy.
    _need_space(workspace, 2 * source.stat().st_size)
    recordings: list[Recording] = []
    for number, part in enumerate(parts, 1):
        path = workspace.folder / f"part{number}"
        copy_part(source, part, path, workspace.budget.check)
        try:
            media = probe(path, job, workspace)
            # Before a part with a prefix no file ends: the header is that of both.
            is_file = number == len(parts) or not parts[number].prefix
            if is_file and not job.allow_truncated:
                refuse_truncated(media)
        except BadSourceError as error:
            if not (job.allow_truncated and recordings):
                raise BadSourceError(
                    f"recording {number} of the {len(parts)} that the upload consists of cannot be"
                    f" used: {error}",
                    code=_LATER_FAULTS.get(error.code, error.code) if number > 1 else error.code,
                ) from error
            log.warning("part_left_out", part=number, parts=len(parts), reason=str(error))
            continue
        recordings.append(_recording(path, media, workspace))
    return recordings


def _recording(path: Path, media: Media, workspace: Workspace) -> Recording:
    return Recording(path=path, media=media, sections=find_sections(path, media, workspace))


def _join(recordings: Sequence[Recording], workspace: Workspace) -> Path:
    """Copy all recordings into one file, each after the other."""
    _need_space(workspace, sum(each.path.stat().st_size for each in recordings))
    container = copy_format(each.media for each in recordings)
    path, copied = (workspace.folder / f"{name}.{container}" for name in ("repaired", "copied"))
    shifts = _shifts(recordings)
    for number, recording in enumerate(recordings):
        media, source, sections = recording.media, recording.path, recording.sections
        indexes = [s.index for s in media.tracks]
        own, shifts = shifts[: len(sections)], shifts[len(sections) :]
        timed = indexes[1:] if keeps_pes(media, container) else []
        moves = {i: tuple(packet_shifts(sections, own, i, only_timed=i in timed)) for i in indexes}
        shown = {i: tuple(shown_shifts(sections, i, only_timed=i in timed)) for i in indexes}
        output = str(copied if number else path)
        command = rewrite_timestamps(
            media, source, output, container=container, shifts=moves, shown=shown
        )
        _run(command, source, workspace)
        if number:
            with path.open("ab") as joined, copied.open("rb") as file:
                shutil.copyfileobj(file, joined)
        if len(recordings) > 1:
            source.unlink()
    if len(recordings) > 1 and container == "matroska":
        # Only the first part of these has an index.
        _run(copy_tracks(path, str(copied)), path, workspace)
        path.unlink()
        return copied
    return path


def _shifts(recordings: Sequence[Recording]) -> list[float]:
    sections = [section for recording in recordings for section in recording.sections]
    if not all(recording.sections for recording in recordings):
        raise unrepairable("a part of it has none")
    are_joints = [number > 0 for each in recordings for number in range(len(each.sections))][1:]
    begin_s = _START_S - sections[0].start_s
    return [shift_s + begin_s for shift_s in shifts_s(sections, are_joints=are_joints)]


def _run(command: Command, source: Path, workspace: Workspace) -> None:
    # MPEG-TS adds four bytes to each 184, and stuffs.
    file_bytes = 2 * source.stat().st_size + MAX_FILE_BYTES
    try:
        run_ffmpeg("ffmpeg (timestamps)", command, workspace, file_bytes=file_bytes)
    except FailedError as error:
        explained = explain_failure(error)
        if isinstance(explained, BadSourceError):
            raise unrepairable("its tracks cannot be copied") from error
        raise explained from error


def _as_first(repaired: Media, first: Media) -> Media:
    """Add what only the header of the first recording says."""
    video = first.video_track and replace(
        repaired.video,
        sample_aspect_ratio=first.video.sample_aspect_ratio,
        rotation_deg=first.video.rotation_deg,
        orientation=first.video.orientation,
        color_space=first.video.color_space,
        color_transfer=first.video.color_transfer,
        color_primaries=first.video.color_primaries,
        color_range=first.video.color_range,
        is_dolby_only=first.video.is_dolby_only,
    )
    audio = repaired.audio
    if audio and first.audio:
        audio = replace(audio, language=first.audio.language)
    # Its container's header says nothing about the upload's own length.
    return replace(repaired, video_track=video, audio=audio, declared_s=None)


def _need_space(workspace: Workspace, size: int) -> None:
    if shutil.disk_usage(workspace.folder).free < size:
        raise CannotWriteError(
            f"the work folder has no space for another {size} bytes, which a recording whose"
            " timestamps restart needs; give the job a larger volume"
        )
