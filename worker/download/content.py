"""The segments of which a download is made, and how it must come out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from worker.errors import VerificationError
from worker.hls.run import Run
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S
from worker.records.segment import Segment

# As of a segment: its times are rounded to the tick, and the grid's offset to the microsecond.
_ROUNDING_S = Fraction(3, CLOCK_HZ)
# Of what ffprobe prints of a duration, and MP4's own unit for it: a millisecond.
_COARSE_S = Fraction(2, 1000)
# Of the tables of a file, which MPEG-TS has beside each packet.
_BYTES_A_FRAME = 32
_BYTES_OF_HEADER = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """The segments of one rung and of the audio, in order; none where the video has none.

    `rate` is that of the grid, in frames per second. The segments are clear.
    """

    run: str
    rate: Fraction
    video: Sequence[Segment]
    audio: Sequence[Segment]

    @classmethod
    def of(cls, run: Run) -> Content:
        """Take the top rung and the audio of a run."""
        top = run.renditions[run.rungs[0].name] if run.rungs else ()
        return cls(run=run.name, rate=run.plan.grid.rate, video=top, audio=run.audio)

    def only_audio(self) -> Content:
        """Return it without the video."""
        return Content(run=self.run, rate=self.rate, video=(), audio=self.audio)

    def tracks(self) -> dict[str, Sequence[Segment]]:
        """Map `video` and `audio` to their segments, where there are any."""
        named = {"video": self.video, "audio": self.audio}
        return {kind: segments for kind, segments in named.items() if segments}

    @property
    def end_s(self) -> Fraction:
        """When the last frame ends, on the timeline."""
        return Fraction(max(each[-1].end_ticks for each in self.tracks().values()), CLOCK_HZ)

    @property
    def most_bytes(self) -> int:
        """More than the file takes on disk: MPEG-TS is never smaller than its packets."""
        segments = [segment for each in self.tracks().values() for segment in each]
        frames = sum(segment.frames for segment in segments)
        return sum(s.bytes for s in segments) + frames * _BYTES_A_FRAME + _BYTES_OF_HEADER

    def duration_expression(self) -> str:
        """Write for FFmpeg how long a packet of video lasts: the last frame until the end.

        The last frame of the grid is never dropped as a duplicate; MPEG-TS has no durations, and
        FFmpeg gives the last packet one of a guess.
        """
        end = self.video[-1].end_ticks + START_OFFSET_S * CLOCK_HZ if self.video else 0
        last = end - round(Fraction(3, 2) * CLOCK_HZ / self.rate)
        return f"if(gte(PTS,{last}),{end}-PTS,DURATION)"


def check_times(kind: str, segments: Sequence[Segment], times_s: Sequence[Fraction]) -> None:
    """Compare the times of a file's packets, in their order, with the segments that it is made of.

    Raises:
        VerificationError: a packet is missing, or a segment's first is elsewhere.

    """
    frames = sum(segment.frames for segment in segments)
    if len(times_s) != frames:
        raise _not_as_made(f"has {len(times_s)} packets of {kind}, not {frames}")
    for segment, at_s in zip(segments, _first_times(segments, times_s), strict=True):
        start_s = Fraction(segment.start_ticks, CLOCK_HZ)
        if abs(at_s - start_s) > _ROUNDING_S:
            fault = f"has the {kind} of {segment.name} at {float(at_s):.6f} s"
            raise _not_as_made(f"{fault}, not {float(start_s):.6f} s")


def _first_times(segments: Sequence[Segment], times_s: Sequence[Fraction]) -> Iterator[Fraction]:
    first = 0
    for segment in segments:
        yield times_s[first]
        first += segment.frames


def check_duration(content: Content, duration_s: Fraction) -> None:
    """Compare a file's duration with the end of its segments.

    Raises:
        VerificationError: it is another one.

    """
    if abs(duration_s - content.end_s) > _COARSE_S:
        lasts = f"lasts {float(duration_s):.3f} s, not {float(content.end_s):.3f} s"
        raise _not_as_made(lasts)


def _not_as_made(fault: str) -> VerificationError:
    return VerificationError(
        f"the download {fault}; nothing was published; submit the job again without --download,"
        " and report this"
    )
