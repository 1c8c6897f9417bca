"""Sources that are refused before anything is encoded, each with its code. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from worker.errors import BadSourceError, SourceFault
from worker.media.color import UNREADABLE_MATRICES
from worker.media.streams import Media, VideoStream
from worker.media.timeline import Grid, clock_time

# Twice 8K (7680x4320); a screen may be long and narrow.
_MAX_SIDE, MAX_PIXELS = 16_384, 67_108_864
# Ends of packets and the header's duration differ by a frame, or by an edit list in audio files.
_DECLARED_TOLERANCE_S = 2.0
_DECLARED_TOLERANCE_SHARE = 0.02


@contextmanager
def of_part(number: int, count: int, name: str) -> Iterator[None]:
    """Say in a refusal which of several files it is about.

    Raises:
        BadSourceError: the one that was raised within.

    """
    try:
        yield
    except BadSourceError as error:
        if count == 1:
            raise
        named = f"part {number} of {count}" + (f" ({name})" if name else "")
        raise BadSourceError(f"{named}: {error}", code=error.code) from error


def refuse_source(media: Media, *, allow_truncated: bool) -> None:
    """Refuse what could not be published whole, at any length.

    Raises:
        BadSourceError: with the reason.

    """
    if not allow_truncated:
        refuse_truncated(media)
    if media.video_track is not None:
        refuse_unconvertible_colors(media.video)
        refuse_huge_frames(media.video)


def refuse_truncated(media: Media) -> None:
    """Refuse half a file, which FFmpeg would turn into half a video with exit status 0.

    A container that starts at 3600 s declares its length, or where it ends on its own clock: which
    of them depends on what wrote it, and not on the container's kind.

    Raises:
        BadSourceError: with both lengths.

    """
    declared_s, found_s, origin_s = media.declared_s, media.duration_s, float(media.origin_s)
    if declared_s is None or found_s is None or _lasts(found_s, declared_s):
        return
    ended_s = declared_s - origin_s
    # Longer than up to there, it was a length, which is not reached.
    is_end = 0 < ended_s < declared_s and found_s <= ended_s + _tolerance_s(ended_s)
    if is_end and _lasts(found_s, ended_s):
        return
    raise BadSourceError(
        f"the file declares a duration of {ended_s if is_end else declared_s:.1f} s, but its"
        f" content ends at {found_s:.1f} s: it is truncated; upload it again",
        code=SourceFault.TRUNCATED,
    )


def _lasts(found_s: float, expected_s: float) -> bool:
    return found_s >= expected_s - _tolerance_s(expected_s)


def _tolerance_s(expected_s: float) -> float:
    return max(_DECLARED_TOLERANCE_S, _DECLARED_TOLERANCE_SHARE * expected_s)


def refuse_too_long(grid: Grid, *, max_duration_s: float) -> None:
    """Refuse a video that is longer than the job accepts.

    Raises:
        BadSourceError: with both lengths.

    """
    if grid.duration_s > max_duration_s:
        raise BadSourceError(
            f"the video lasts {clock_time(grid.duration_s)}, longer than the"
            f" {clock_time(max_duration_s)} that are accepted; cut it into parts and upload those",
            code=SourceFault.TOO_LONG,
        )


def refuse_huge_frames(video: VideoStream) -> None:
    """Refuse frames that no camera makes and that take more memory than a job has.

    Raises:
        BadSourceError: with the size.

    """
    width, height = video.width, video.height
    if max(width, height) > _MAX_SIDE or width * height > MAX_PIXELS:
        raise BadSourceError(
            f"the video has {width}x{height} pixels, more than is accepted; export it smaller",
            code=SourceFault.FRAME_TOO_LARGE,
        )


def refuse_unconvertible_colors(video: VideoStream) -> None:
    """Refuse frames that would come out green and violet, whatever the plan.

    Raises:
        BadSourceError: with what to do instead.

    """
    if video.is_dolby_only:
        raise BadSourceError(
            "the video is Dolby Vision without a base layer that other players can show"
            " (profile 5): export it as SDR or HDR10 and upload that",
            code=SourceFault.UNSUPPORTED_COLOR,
        )
    if video.color_space in UNREADABLE_MATRICES:
        raise BadSourceError(
            f"the video's color matrix cannot be converted ({video.color_space}):"
            " export it as SDR in BT.709 and upload that",
            code=SourceFault.UNSUPPORTED_COLOR,
        )
