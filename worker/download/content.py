"""The segments of which a download is made, and how it must come out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from worker.errors import VerificationError
from worker.hls.run import Run
from worker.hls.transport import H264, read_pes, read_program
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S
from worker.records.segment import Segment

# As of a segment: its times are rounded to the tick, and the grid's offset to the microsecond.
_ROUNDING_S = Fraction(3, CLOCK_HZ)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Expressions for FFmpeg: the decoding time and the duration of a packet of video."""

    dts: str = "DTS"
    duration: str = "DURATION"


def time_video(content: Content, last_segment: bytes) -> Timing:
    """Make the samples of a file last exactly as long as they are shown.

    MPEG-TS has no durations, and FFmpeg gives the last packet one of a guess; the last frame of the
    grid is never dropped as a duplicate. And a segment's first frames are decoded a little earlier
    than others, so that decoding ends before showing does, by `lag`. Players that take the sum of
    the samples for the duration would leave that out: so the first is decoded so much earlier.
    """
    end = content.video[-1].end_ticks + START_OFFSET_S * CLOCK_HZ
    frame = round(CLOCK_HZ / content.rate)
    last = read_pes(last_segment, read_program(last_segment).pids[H264])[-1].dts_ticks
    lag = max(0, end - frame - last)
    return Timing(
        dts=f"if(eq(N,0),DTS-{lag},DTS)",
        duration=f"if(gte(PTS,{end - frame * 3 // 2}),{end}-PTS,"
        f"if(gte(DTS,{last}),{frame},DURATION))",
    )


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
    if abs(duration_s - content.end_s) > _ROUNDING_S:
        lasts = f"lasts {float(duration_s):.3f} s, not {float(content.end_s):.3f} s"
        raise _not_as_made(lasts)


def _not_as_made(fault: str) -> VerificationError:
    return VerificationError(
        f"the download {fault}; nothing was published; submit the job again without --download,"
        " and report this"
    )
