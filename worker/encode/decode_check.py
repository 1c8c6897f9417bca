"""Checks that a source was decoded: what is missing is filled in, and FFmpeg exits 0. Pure."""

from __future__ import annotations

from worker.errors import BadSourceError, SourceFault
from worker.ffmpeg.decode import reads_from_s
from worker.media.streams import AudioStream, VideoStream
from worker.plan.plan import Plan, Span

# With fewer of a stream's packets decoded, most of what would be published is filler. Below a half,
# because the two fields of an interlaced frame may travel as two packets and decode to one frame.
_LEAST_SHARE = 0.45
# A frame for a second, and what a damaged packet here and there takes.
_MISSING_FRAMES, _MISSING_FRAMES_SHARE = 25, 0.05
# Of audio: what a damaged packet here and there takes.
_MISSING_AUDIO_S, _MISSING_AUDIO_SHARE = 1.0, 0.05


class DecodedFrames:
    """The frames decoded for all spans that ended by themselves."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._present = 0
        self._read = 0
        self._decoded = 0

    def add(self, span: Span, decoded: int) -> None:
        """Record how many a span has decoded: its own, and those that it was read from."""
        grid, packets = self._plan.grid, self._plan.media.video.packets
        # Nothing can be decoded before the first keyframe of a recording that was joined
        # in the middle: the first frame is shown there.
        earliest_s = packets.first_key_s or 0.0
        first_s, end_s = float(grid.start_s(span.first)), float(grid.start_s(span.end))
        # MPEG-TS is decoded from the first keyframe there; what has an index, from the one before.
        read_from_s = min(first_s, packets.key_after(float(reads_from_s(self._plan, span))))
        self._present += self._count(max(first_s, earliest_s), end_s)
        self._read += self._count(max(read_from_s, earliest_s), end_s)
        self._decoded += decoded

    def _count(self, start_s: float, end_s: float) -> int:
        grid, packets = self._plan.grid, self._plan.media.video.packets
        found = packets.count_between(start_s, end_s)
        if found is None:
            return int(packets.count * (end_s - start_s) / float(grid.duration_s))
        return found

    @property
    def missing(self) -> int:
        """Frames of the video that could not be decoded, by the share of those that were read."""
        # Of what is read twice, before a span and within the one before, as much is damaged.
        return round(self._present * max(0, 1 - self._decoded / max(1, self._read)))

    def check(self) -> None:
        """Refuse a source of which most frames could not be decoded and were filled in.

        Judged over the whole video, of which earlier jobs have made their part: some damage is
        tolerated.

        Raises:
            BadSourceError: with both counts.

        """
        refuse_filler(self._plan, self.missing, decoded=self._decoded, read=self._read)


def refuse_filler(plan: Plan, missing: int, *, decoded: int, read: int) -> None:
    """Refuse a source of which so many frames are missing, as `DecodedFrames.check` does.

    Raises:
        BadSourceError: with how many of those that were read can be decoded.

    """
    if missing > (1 - _LEAST_SHARE) * plan.media.video.packets.count:
        raise BadSourceError(
            f"only {decoded} of {read} frames can be decoded:"
            " the file is damaged; export or upload it again",
            code=SourceFault.DAMAGED,
        )


def check_span_end(plan: Plan, span: Span, *, segmented_s: float, is_complete: bool) -> None:
    """Refuse a source whose decoding broke off within a span: FFmpeg exits 0 all the same.

    `segmented_s` is how far the span's segments reach, `is_complete` whether its last one is there.

    Raises:
        BadSourceError: with the time at which it broke off.

    """
    grid = plan.grid
    first, end = grid.first_frame(span.first), grid.first_frame(span.end)
    # The last frame's own length is reported or not, by FFmpeg's version.
    is_short = segmented_s < (end - first - 1) / grid.rate - 1e-3
    if is_short or not is_complete:
        broken_s = float(first / grid.rate) + segmented_s
        raise BadSourceError(
            f"decoding breaks off at {broken_s:.1f} s of"
            f" {float(grid.duration_s):.1f} s: the file is damaged; export or upload it again",
            code=SourceFault.DAMAGED,
        )


def lacks_frames(video: VideoStream, missing: int) -> bool:
    """Whether enough frames are missing to be seen. Fields that travel as packets look so, too."""
    return not video.is_interlaced and missing > max(
        _MISSING_FRAMES, _MISSING_FRAMES_SHARE * video.packets.count
    )


def is_nearly_all(audio: AudioStream, decoded_s: float) -> bool:
    """Whether as many seconds of an audio track were decoded as its packets hold, or nearly."""
    missing_s = audio.packets.clock.length_s - decoded_s
    return missing_s <= max(_MISSING_AUDIO_S, _MISSING_AUDIO_SHARE * audio.packets.clock.length_s)
