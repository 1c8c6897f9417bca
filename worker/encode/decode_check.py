"""Checks that a source was decoded: what is missing is filled in, and FFmpeg exits 0. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from worker.errors import BadSourceError, SourceFault
from worker.ffmpeg.decode import reads_from_s
from worker.media.timeline import length_s
from worker.plan.plan import Plan, Span

# With fewer of a stream's packets decoded, most of what would be published is filler. Below a half,
# because the two fields of an interlaced frame may travel as two packets and decode to one frame.
_LEAST_SHARE = 0.45
# A frame for a second, and what a damaged packet here and there takes.
_MISSING_FRAMES, _MISSING_FRAMES_SHARE = 25, 0.05
# Of audio: what a damaged packet here and there takes.
_MISSING_AUDIO_S, _MISSING_AUDIO_SHARE = 1.0, 0.05


@dataclass(slots=True)
class _Count:
    """Frames of one part: those that spans show, those that were read, and those decoded."""

    present: int = 0
    read: int = 0
    decoded: int = 0

    @property
    def missing(self) -> int:
        # Of what is read twice, before a span and within the one before, as much is damaged.
        return round(self.present * max(0, 1 - self.decoded / max(1, self.read)))


class DecodedFrames:
    """The frames decoded for all spans that ended by themselves."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._counts = [_Count() for _ in plan.parts]

    def add(self, span: Span, decoded: int) -> None:
        """Record how many a span has decoded: its own, and those that it was read from."""
        index, own = self._plan.locate(span)
        part, count = self._plan.alone(index), self._counts[index]
        grid, packets = part.grid, part.media.video.packets
        # Nothing can be decoded before the first keyframe of a recording that was joined
        # in the middle: the first frame is shown there.
        earliest_s = packets.first_key_s
        if earliest_s is None:
            earliest_s = -float(part.media.begins_s)
        first_s, end_s = float(grid.start_s(own.first)), float(grid.start_s(own.end))
        # MPEG-TS is decoded from the first keyframe there; what has an index, from the one before.
        read_from_s = min(first_s, packets.key_after(float(reads_from_s(part, own))))
        count.present += _count(part, max(first_s, earliest_s), end_s)
        count.read += _count(part, max(read_from_s, earliest_s), end_s)
        count.decoded += decoded

    @property
    def missing(self) -> tuple[int, ...]:
        """Frames of each part that could not be decoded, by the share of those that were read."""
        return tuple(count.missing for count in self._counts)

    def check(self) -> None:
        """Refuse a source of which most frames could not be decoded and were filled in.

        Judged over the whole of each part, of which earlier jobs have made theirs: some damage is
        tolerated.

        Raises:
            BadSourceError: with both counts.

        """
        for index, count in enumerate(self._counts):
            try:
                refuse_filler(
                    self._plan.alone(index),
                    count.missing,
                    decoded=count.decoded,
                    read=count.read,
                )
            except BadSourceError as error:
                message = f"{self._plan.label(index)}{error}"
                raise BadSourceError(message, code=error.code) from error


def _count(part: Plan, start_s: float, end_s: float) -> int:
    """Count the packets of one part's video that are shown from within these times."""
    packets = part.media.video.packets
    found = packets.count_between(start_s, end_s)
    if found is None:
        whole_s = part.media.begins_s + length_s(part.media)
        return int(packets.count * (end_s - start_s) / float(whole_s))
    return found


def shown_packets(plan: Plan) -> int:
    """Count the packets of video that a run shows: all of a file, or those of a part of it."""
    rate = plan.grid.rate
    return sum(
        part.media.video.packets.count
        if part.is_whole(rate)
        else _count(plan.alone(index), 0.0, float(part.frames / rate))
        for index, part in enumerate(plan.parts)
    )


def refuse_filler(plan: Plan, missing: int, *, decoded: int, read: int) -> None:
    """Refuse a source of which so many frames are missing, as `DecodedFrames.check` does.

    Raises:
        BadSourceError: with how many of those that were read can be decoded.

    """
    if missing > (1 - _LEAST_SHARE) * shown_packets(plan):
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
    index, own = plan.locate(span)
    part = plan.alone(index)
    grid, media = part.grid, part.media
    first, end = grid.first_frame(own.first), grid.first_frame(own.end)
    # The last frame's own length is reported or not, by FFmpeg's version.
    is_short = segmented_s < (end - first - 1) / grid.rate - 1e-3
    if is_short or not is_complete:
        broken_s = float(media.begins_s + first / grid.rate) + segmented_s
        raise BadSourceError(
            f"{plan.label(index)}decoding breaks off at {broken_s:.1f} s of"
            f" {float(media.begins_s + grid.duration_s):.1f} s: the file is damaged; export or"
            " upload it again",
            code=SourceFault.DAMAGED,
        )


def lacks_frames(part: Plan, missing: int) -> bool:
    """Whether enough frames of one part are missing to be seen.

    Fields that travel as packets look so, too.
    """
    return not part.media.video.is_interlaced and missing > max(
        _MISSING_FRAMES, _MISSING_FRAMES_SHARE * shown_packets(part)
    )


def planned_audio_s(part: Plan) -> float:
    """Return how many seconds of audio the packets of one part hold."""
    audio = part.media.audio
    if audio is None:
        return 0.0
    packets = audio.packets
    shown = packets.count_between(0.0, float(part.grid.duration_s))
    if shown is None or part.is_one_file:
        return packets.clock.length_s
    return packets.clock.length_s * shown / packets.count


def is_nearly_all(planned_s: float, decoded_s: float) -> bool:
    """Whether as many seconds of an audio track were decoded as its packets hold, or nearly."""
    return planned_s - decoded_s <= max(_MISSING_AUDIO_S, _MISSING_AUDIO_SHARE * planned_s)
