"""Compares a finished run with its plan before anything is published. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise

from worker.errors import VerificationError
from worker.hls.run import Run
from worker.hls.segment import AAC_FRAME_S, is_whole
from worker.media.timeline import CLOCK_HZ
from worker.plan.plan import Plan
from worker.records.segment import Segment
from worker.storage.base import StoredObject

_FAULTS_SHOWN = 5
# 1 ms: the trim's end is rounded to the microsecond, the times to the tick.
_ROUNDING_TICKS = CLOCK_HZ // 1000


def verify_run(run: Run, listing: Mapping[str, StoredObject] | None) -> None:
    """Check that every rung and the audio are whole, continuous and in the store.

    `listing` is the store's own account of the run, made after the last upload; None: it gives
    none.

    Raises:
        VerificationError: with the first faults.

    """
    faults = [
        *chain.from_iterable(_rung_faults(run, rung.name) for rung in run.rungs),
        *_different_frames(run),
        *_clear_segments(run),
        *(audio_faults(run.plan, run.audio) if run.plan.audio else ()),
        *(store_faults(run, listing) if listing is not None else ()),
    ]
    if faults:
        more = len(faults) - _FAULTS_SHOWN
        raise VerificationError(
            "; ".join(faults[:_FAULTS_SHOWN])
            + (f"; and {more} more" if more > 0 else "")
            + "; nothing was published; submit the job again and report this"
        )


def _rung_faults(run: Run, name: str) -> Iterator[str]:
    grid, segments = run.plan.grid, run.renditions[name]
    if [s.index for s in segments] != list(range(grid.segment_count)):
        yield f"{name} has {len(segments)} of {grid.segment_count} segments"
        return
    for segment in segments:
        if not is_whole(run.plan, segment):
            bounds = f"{segment.start_ticks} to {segment.end_ticks}"
            yield f"{segment.name} lasts from tick {bounds}, unlike the plan"
    if len({segment.codec for segment in segments}) != 1:
        yield f"{name} changes its codec string within the run"
    if run.plan.is_muxed:
        yield from _muxed_audio_faults(run, segments)


def _muxed_audio_faults(run: Run, segments: Sequence[Segment]) -> Iterator[str]:
    """Report where the audio of a rung's segments is not that of the audio rendition, in a row."""
    heard = [segment for segment in segments if segment.audio_start_ticks is not None]
    for before, after in pairwise(heard):
        if before.audio_end_ticks != after.audio_start_ticks:
            yield f"the audio breaks between {before.name} and {after.name}"
    if heard and run.audio:
        own = heard[0].audio_start_ticks, heard[-1].audio_end_ticks
        if own != (run.audio[0].start_ticks, run.audio[-1].end_ticks):
            yield f"the audio in {heard[0].rendition} is not as long as the audio itself"


def _different_frames(run: Run) -> Iterator[str]:
    """Report rungs that do not show the same frames: duplicates are dropped before they are split.

    A copied rung keeps its duplicates.
    """
    alike = [run.renditions[rung.name] for rung in run.rungs if not rung.is_copied]
    for same in zip(*alike, strict=False):
        if len({segment.frames for segment in same}) > 1:
            counts = ", ".join(f"{segment.name} {segment.frames}" for segment in same)
            yield f"rungs do not show the same frames: {counts}"


def _clear_segments(run: Run) -> Iterator[str]:
    """Report segments of an encrypted run that were stored without encryption."""
    if run.cipher.key:
        for segment in chain.from_iterable(run.renditions.values()):
            if not segment.iv:
                yield f"{segment.name} is not encrypted"


def audio_faults(plan: Plan, segments: Sequence[Segment]) -> Iterator[str]:
    """Report what keeps these segments from being the whole audio, if anything does."""
    if not segments:
        yield "the audio has no segment"
        return
    if [s.index for s in segments] != list(range(len(segments))):
        yield f"the audio has a gap in its {len(segments)} segments"
        return
    frame_ticks = round(AAC_FRAME_S * CLOCK_HZ)
    for before, after in pairwise(segments):
        if abs(after.start_ticks - before.end_ticks) > 1:
            yield f"the audio breaks between {before.name} and {after.name}"
    # The encoder's priming lies before zero; its last frame reaches to the end or beyond. What ends
    # a frame early is not whole: its last segment is missing.
    if not -2 * frame_ticks <= segments[0].start_ticks <= 0:
        yield f"the audio starts at {segments[0].start_ticks / CLOCK_HZ:.3f} s"
    behind = segments[-1].end_ticks - round(plan.grid.duration_s * CLOCK_HZ)
    if not -_ROUNDING_TICKS <= behind <= frame_ticks:
        yield f"the audio ends {behind / CLOCK_HZ:+.3f} s from the video's end"


def store_faults(run: Run, listing: Mapping[str, StoredObject]) -> Iterator[str]:
    """Report segments that a listing lacks, or has otherwise than they were written."""
    for segment in chain.from_iterable(run.renditions.values()):
        found = listing.get(f"{run.name}/{segment.name}")
        if found is None:
            yield f"{segment.name} is not in the store"
        elif (found.bytes, found.etag) != (segment.bytes, segment.etag):
            yield f"{segment.name} is not in the store as it was written"
