"""Repairs a source whose timestamps restart or leap, and one that is several files put end to end.

Its tracks are copied, part by part, into one file whose timestamps run through.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import structlog

from worker.config.job import Job
from worker.errors import BadSourceError, CannotWriteError, SourceFault
from worker.ffmpeg.diagnostics import explain_failure
from worker.ffmpeg.remux import copy_format, copy_tracks, keeps_pes, rewrite_timestamps
from worker.ffmpeg.run import run_ffmpeg
from worker.media.sections.model import MAX_SECTIONS, Section, count_jumps, packet_shifts, shifts_s
from worker.media.streams import Media, VideoStream
from worker.plan.refusals import refuse_truncated
from worker.runtime.command import Command
from worker.runtime.process import FailedError
from worker.runtime.sandbox import MAX_FILE_BYTES
from worker.runtime.workspace import Workspace
from worker.source.appended import Part, copy_part, find_parts
from worker.source.probe import find_sections, parameters, probe
from worker.source.tracks import cut_before_tables

# Where the copy begins: no time of it is negative, which not every container can say.
_START_S = 1.0
# Packets of a joint that a demuxer leaves out: damaged ones, or the first after it.
_LOST_SHARE = 0.01
# Codecs whose packets configure their decoder.
_SELF_CONTAINED = frozenset({"vp8", "vp9", "av1", "opus", "mp2", "mp3", "ac3", "eac3"})
# Codecs whose frames are decoded in the order in which they are shown.
_IN_ORDER = frozenset({"vp8", "vp9", "av1", "theora", "mjpeg"})
# What a part is that would be no video by itself: the rest of the upload is one.
_LATER_FAULTS = {
    SourceFault.UNREADABLE: SourceFault.TRUNCATED,
    SourceFault.EMPTY: SourceFault.TRUNCATED,
    SourceFault.NO_VIDEO: SourceFault.BROKEN_TIMESTAMPS,
    SourceFault.AUDIO_ONLY: SourceFault.BROKEN_TIMESTAMPS,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Recording:
    """A file of its own within the upload, and the sections of its clock."""

    path: Path
    media: Media
    sections: tuple[Section, ...]


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
        raise _unrepairable(f"they restart or leap {MAX_SECTIONS} times or more")
    _refuse_unlike(recordings, workspace)
    path = _join(recordings, workspace)
    try:
        copy = probe(path, job, workspace)
    except BadSourceError as error:
        # Of MPEG-TS FFmpeg reads a few seconds to find the tracks: a first frame may stay longer.
        raise _unrepairable("the copy cannot be read") from error
    repaired = _as_first(copy, recordings[0].media)
    _refuse_incomplete(repaired, recordings)
    # Judged as the source is: in a copy in MPEG-TS, too, a frame may stay for minutes.
    as_source = replace(repaired, container=media.container)
    if count_jumps(find_sections(path, as_source, workspace)) > 0:
        raise _unrepairable("they restart still in the copy")
    log.info(
        "timestamps_repaired", jumps=jumps, parts=len(recordings), texts_left_out=len(media.texts)
    )
    return path, replace(repaired, jumps=0)


def _cut(source: Path, parts: Sequence[Part], job: Job, workspace: Workspace) -> list[_Recording]:
    """Make a file of each part, and read it; one that cannot be read is left out on request."""
    # The parts, and their copy.
    _need_space(workspace, 2 * source.stat().st_size)
    recordings: list[_Recording] = []
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


def _recording(path: Path, media: Media, workspace: Workspace) -> _Recording:
    return _Recording(path=path, media=media, sections=find_sections(path, media, workspace))


def _join(recordings: Sequence[_Recording], workspace: Workspace) -> Path:
    """Copy all recordings into one file, each after the other."""
    _need_space(workspace, sum(each.path.stat().st_size for each in recordings))
    container = copy_format(each.media for each in recordings)
    path, copied = (workspace.folder / f"{name}.{container}" for name in ("repaired", "copied"))
    shifts = _shifts(recordings)
    for number, recording in enumerate(recordings):
        indexes = [s.index for s in recording.media.tracks]
        own, shifts = shifts[: len(recording.sections)], shifts[len(recording.sections) :]
        timed = indexes[1:] if keeps_pes(recording.media, container) else []
        moves = {
            i: tuple(packet_shifts(recording.sections, own, i, only_timed=i in timed))
            for i in indexes
        }
        output = str(copied if number else path)
        command = rewrite_timestamps(
            recording.media, recording.path, output, container=container, shifts=moves
        )
        _run(command, recording.path, workspace)
        if number:
            with path.open("ab") as joined, copied.open("rb") as file:
                shutil.copyfileobj(file, joined)
        if len(recordings) > 1:
            recording.path.unlink()
    if len(recordings) > 1 and container == "matroska":
        # Only the first part of these has an index.
        _run(copy_tracks(path, str(copied)), path, workspace)
        path.unlink()
        return copied
    return path


def _shifts(recordings: Sequence[_Recording]) -> list[float]:
    sections = [section for recording in recordings for section in recording.sections]
    if not all(recording.sections for recording in recordings):
        raise _unrepairable("a part of it has none")
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
            raise _unrepairable("its tracks cannot be copied") from error
        raise explained from error


def _refuse_unlike(recordings: Sequence[_Recording], workspace: Workspace) -> None:
    """Refuse parts of which one file cannot be made.

    Raises:
        BadSourceError: with what differs.

    """
    first = recordings[0].media
    if any(_is_out_of_order(each.media, each.sections) for each in recordings):
        raise _unrepairable("its frames are out of order behind the joint")
    for each in (recording.media for recording in recordings[1:]):
        if each.video_track is not None and first.video_track is not None:
            _refuse_other_video(each.video, first.video)
        elif each.video_track is not first.video_track:
            raise _unrepairable("some of its parts are audio alone")
        audio, other = first.audio, each.audio
        if audio and other and audio.codec != other.codec:
            raise _unrepairable(f"{audio.codec} is followed by {other.codec}")
    if copy_format(recording.media for recording in recordings) == "matroska":
        _refuse_other_parameters(recordings, workspace)


def _refuse_other_video(video: VideoStream, first: VideoStream) -> None:
    # The copy says of no part how it is turned.
    if video.orientation != first.orientation:
        raise _unrepairable("its parts are rotated differently")
    if video.codec != first.codec:
        raise _unrepairable(f"{first.codec} is followed by {video.codec}")


def _is_out_of_order(media: Media, sections: Sequence[Section]) -> bool:
    """Whether FFmpeg's decoding times are wrong behind a restart.

    Matroska has none. Those that FFmpeg derives are right again at the next header only.
    """
    codec = media.video_track and media.video_track.codec
    if codec in {None, *_IN_ORDER} or "matroska" not in media.container:
        return False
    restarts = any(after.start_s < before.end_s for before, after in pairwise(sections))
    return restarts or any(media.video.index in each.moved for each in sections)


def _refuse_other_parameters(recordings: Sequence[_Recording], workspace: Workspace) -> None:
    """Refuse parts whose decoders are configured otherwise: Matroska says it once, at its start.

    Raises:
        BadSourceError: with the codec.

    """

    def configured(recording: _Recording) -> list[dict[str, object]]:
        found = parameters(recording.path, workspace)
        return [found[s.index] for s in recording.media.tracks if s.codec not in _SELF_CONTAINED]

    first = configured(recordings[0])
    for recording in recordings[1:]:
        for one, other in zip(first, configured(recording), strict=False):
            if one != other:
                raise _unrepairable(f"the {one['codec_name']} of its parts differs")


def _refuse_incomplete(repaired: Media, recordings: Sequence[_Recording]) -> None:
    """Refuse a copy that lacks packets.

    Raises:
        BadSourceError: with the counts.

    """
    for name, found, whole in (
        ("video", repaired.video_track, [each.media.video_track for each in recordings]),
        ("audio", repaired.audio, [each.media.audio for each in recordings]),
    ):
        count = found.packets.count if found else 0
        expected = sum(s.packets.count + s.packets.hidden for s in whole if s is not None)
        if count < (1 - _LOST_SHARE) * expected - len(recordings):
            raise _unrepairable(f"only {count} of {expected} packets of {name} could be copied")


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


def _unrepairable(reason: str) -> BadSourceError:
    return BadSourceError(
        "the recording's timestamps restart, or it was joined from several files, and cannot be"
        f" repaired ({reason}); export it again as one video",
        code=SourceFault.BROKEN_TIMESTAMPS,
    )


def _need_space(workspace: Workspace, size: int) -> None:
    if shutil.disk_usage(workspace.folder).free < size:
        raise CannotWriteError(
            f"the work folder has no space for another {size} bytes, which a recording whose"
            " timestamps restart needs; give the job a larger volume"
        )
