"""Parts of an upload from which one file is made: whether they go together, and are all in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from worker.errors import BadSourceError, SourceFault
from worker.ffmpeg.remux import copy_format
from worker.media.sections.model import Section
from worker.media.streams import Media, VideoStream
from worker.runtime.workspace import Workspace
from worker.source.probe import parameters

# Packets of a joint that a demuxer leaves out: damaged ones, or the first after it.
_LOST_SHARE = 0.01
# Codecs whose packets configure their decoder.
_SELF_CONTAINED = frozenset({"vp8", "vp9", "av1", "opus", "mp2", "mp3", "ac3", "eac3"})
# Codecs whose frames are decoded in the order in which they are shown.
_IN_ORDER = frozenset({"vp8", "vp9", "av1", "theora", "mjpeg"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A file of its own within the upload, and the sections of its clock."""

    path: Path
    media: Media
    sections: tuple[Section, ...]


def refuse_unlike(recordings: Sequence[Recording], workspace: Workspace) -> None:
    """Refuse parts of which one file cannot be made.

    Raises:
        BadSourceError: with what differs.

    """
    first = recordings[0].media
    if any(_is_out_of_order(each.media, each.sections) for each in recordings):
        raise unrepairable("its frames are out of order behind the joint")
    for each in (recording.media for recording in recordings[1:]):
        if each.video_track is not None and first.video_track is not None:
            _refuse_other_video(each.video, first.video)
        elif each.video_track is not first.video_track:
            raise unrepairable("some of its parts are audio alone")
        audio, other = first.audio, each.audio
        if audio and other and audio.codec != other.codec:
            raise unrepairable(f"{audio.codec} is followed by {other.codec}")
    if copy_format(recording.media for recording in recordings) == "matroska":
        _refuse_other_parameters(recordings, workspace)


def _refuse_other_video(video: VideoStream, first: VideoStream) -> None:
    # The copy says of no part how it is turned.
    if video.orientation != first.orientation:
        raise unrepairable("its parts are rotated differently")
    if video.codec != first.codec:
        raise unrepairable(f"{first.codec} is followed by {video.codec}")


def _is_out_of_order(media: Media, sections: Sequence[Section]) -> bool:
    """Whether FFmpeg's decoding times are wrong behind a restart.

    Matroska has none. Those that FFmpeg derives are right again at the next header only.
    """
    codec = media.video_track and media.video_track.codec
    if codec in {None, *_IN_ORDER} or "matroska" not in media.container:
        return False
    restarts = any(after.start_s < before.end_s for before, after in pairwise(sections))
    return restarts or any(media.video.index in each.moved for each in sections)


def _refuse_other_parameters(recordings: Sequence[Recording], workspace: Workspace) -> None:
    """Refuse parts whose decoders are configured otherwise: Matroska says it once, at its start.

    Raises:
        BadSourceError: with the codec.

    """

    def configured(recording: Recording) -> list[dict[str, object]]:
        found = parameters(recording.path, workspace)
        return [found[s.index] for s in recording.media.tracks if s.codec not in _SELF_CONTAINED]

    first = configured(recordings[0])
    for recording in recordings[1:]:
        for one, other in zip(first, configured(recording), strict=False):
            if one != other:
                raise unrepairable(f"the {one['codec_name']} of its parts differs")


def refuse_incomplete(repaired: Media, recordings: Sequence[Recording]) -> None:
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
            raise unrepairable(f"only {count} of {expected} packets of {name} could be copied")


def unrepairable(reason: str) -> BadSourceError:
    """Make the refusal of a recording from which no file can be made that runs through."""
    return BadSourceError(
        "the recording's timestamps restart, or it was joined from several files, and cannot be"
        f" repaired ({reason}); export it again as one video",
        code=SourceFault.BROKEN_TIMESTAMPS,
    )
