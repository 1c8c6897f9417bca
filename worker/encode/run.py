"""Encodes and uploads what a run lacks, and records what is stored, however it ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from worker.encode.decode_check import is_nearly_all, lacks_frames, planned_audio_s
from worker.encode.early import NoRoomError, Room
from worker.encode.encoder import Encoder, EncodeReport, Hooks, SourceFile
from worker.errors import WorkerError
from worker.hls.encryption import SegmentCipher
from worker.hls.run import Run
from worker.layout import AUDIO
from worker.monitoring.progress import Reporter, Step
from worker.plan.forecast import Decision, Forecast
from worker.plan.plan import Plan
from worker.runtime.budget import Budget
from worker.runtime.workspace import Workspace
from worker.storage.retrying import RetryingStore
from worker.upload.checkpoint import Checkpoint, recall
from worker.upload.uploader import GRACE_S, Uploader

# After a stop, when the checkpoint must be written; uploads under way come before it.
_CHECKPOINT_GRACE_S = 2 * GRACE_S

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """A run that was made whole, and what its encode took."""

    run: Run
    segments: int
    segments_resumed: int
    encode_s: float
    speed: float
    ffmpeg_peak_memory_bytes: int

    @property
    def bytes(self) -> int:
        """Size of all segments of the run."""
        return sum(s.bytes for segments in self.run.renditions.values() for s in segments)

    def after(self, first: Encoded) -> Encoded:
        """Return what both passes of one job took, of which this is the second."""
        return replace(
            self,
            # What the first one made is not what an earlier job had made.
            segments_resumed=self.segments_resumed - first.segments + first.segments_resumed,
            encode_s=round(self.encode_s + first.encode_s, 2),
            ffmpeg_peak_memory_bytes=max(
                self.ffmpeg_peak_memory_bytes, first.ffmpeg_peak_memory_bytes
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeJob:
    """A run to be made: its plan, the files of its parts, and where its segments go."""

    plan: Plan
    name: str
    sources: tuple[SourceFile, ...]
    workspace: Workspace
    cipher: SegmentCipher
    store: RetryingStore
    reporter: Reporter
    threads: int

    @property
    def paths(self) -> list[Path]:
        """Where FFmpeg reads the files."""
        return [source.path for source in self.sources]

    def recall(self) -> Checkpoint:
        """Find what the store has of the run."""
        return recall(
            self.store,
            self.name,
            self.plan,
            self.cipher,
            budget=self.workspace.budget,
            threads=self.threads,
        )

    def open_uploader(self, checkpoint: Checkpoint) -> Uploader:
        """Start the uploads, which a checkpoint records."""
        return Uploader(
            plan=self.plan,
            cipher=self.cipher,
            store=self.store,
            checkpoint=checkpoint,
            workspace=self.workspace,
            threads=self.threads,
        )


def encode_run(job: EncodeJob, *, first: Plan | None = None) -> Encoded:
    """Make a run of a plan: recall what earlier jobs stored, encode and upload the rest.

    Of a plan's part that comes `first`, only its rungs.

    Raises:
        NoRoomError: with `first`, there is no time for a second pass; the checkpoint is saved.
        WorkerError: as `Encoder.run` and the uploader raise it; the checkpoint is saved by then.

    """
    budget, reporter = job.workspace.budget, job.reporter
    checkpoint = job.recall()
    done = indexes(checkpoint)
    reporter.begin(Step.ENCODE, segments_resumed=checkpoint.count, lanes=job.plan.lanes)
    started_s = budget.elapsed_s
    uploader = job.open_uploader(checkpoint)
    plan = first or job.plan
    room = Room(job.plan, first, done) if first else None
    encoder = Encoder(
        plan,
        job.sources,
        done=done,
        workspace=job.workspace,
        uploader=uploader,
        hooks=_hooks(plan, checkpoint, job, room),
    )
    report = encode(encoder, uploader, checkpoint, store=job.store, budget=budget)
    warn_of_gaps(job.plan, report)
    return collect(
        job,
        checkpoint,
        report.rungs,
        resumed=done,
        started_s=started_s,
        peak_memory_bytes=report.peak_memory_bytes,
    )


def collect(
    job: EncodeJob,
    checkpoint: Checkpoint,
    rungs: Collection[str],
    *,
    resumed: Mapping[str, Collection[int]],
    started_s: float,
    peak_memory_bytes: int,
) -> Encoded:
    """Return the run that a checkpoint records.

    A rendition that should be there and has no segment is found by `verify`.
    """
    segments = checkpoint.renditions()
    wanted = {*rungs, *([AUDIO] if job.plan.audio else [])}
    renditions = {each: segments.get(each, ()) for each in sorted(wanted)}
    return Encoded(
        run=Run(name=job.name, plan=job.plan, renditions=renditions, cipher=job.cipher),
        # Of the run: segments of rungs that were given up are stored, but not published.
        segments=sum(map(len, renditions.values())),
        segments_resumed=sum(len(resumed.get(rendition, ())) for rendition in renditions),
        encode_s=round(max(job.workspace.budget.elapsed_s - started_s, 1e-3), 2),
        speed=round(job.reporter.speed, 3),
        ffmpeg_peak_memory_bytes=peak_memory_bytes,
    )


def encode(
    encoder: Encoder,
    uploader: Uploader,
    checkpoint: Checkpoint,
    *,
    store: RetryingStore,
    budget: Budget,
) -> EncodeReport:
    """Run an encode to the end of its uploads.

    Raises:
        WorkerError: as `Encoder.run` and the uploader raise it; the checkpoint is saved by then.

    """
    try:
        encoder.report_progress()
        report = encoder.run()
        uploader.drain(on_wait=encoder.report_progress)
        encoder.report_progress()
    except WorkerError as error:
        budget.stop(error)
        _save_what_is_stored(uploader, checkpoint, store)
        raise
    except NoRoomError:
        _save_what_is_stored(uploader, checkpoint, store)
        raise
    finally:
        uploader.close()
    checkpoint.save(store)
    return report


def indexes(checkpoint: Checkpoint) -> dict[str, set[int]]:
    """Return the indexes of each rendition's segments."""
    return {
        rendition: {segment.index for segment in segments}
        for rendition, segments in checkpoint.renditions().items()
    }


def _hooks(plan: Plan, checkpoint: Checkpoint, job: EncodeJob, room: Room | None) -> Hooks:
    reporter, budget = job.reporter, job.workspace.budget

    def predicted(forecast: Forecast, decision: Decision | None) -> None:
        reporter.predicted(forecast, decision)
        if room is not None:
            room.check(forecast, budget.remaining_s)

    return Hooks(
        on_progress=lambda frames, segments: reporter.encoded(
            frames,
            plan.grid,
            uploaded=checkpoint.count,
            segments=segments,
            are_samples=not plan.rungs,
        ),
        on_forecast=predicted,
    )


def _save_what_is_stored(uploader: Uploader, checkpoint: Checkpoint, store: RetryingStore) -> None:
    try:
        uploader.drain(GRACE_S)
    except Exception as error:  # noqa: BLE001 (the job ends for another reason already)
        log.debug("uploads_dropped", reason=str(error))
    try:
        checkpoint.save(store.with_grace(_CHECKPOINT_GRACE_S))
    except WorkerError as error:
        log.warning("checkpoint_not_saved", reason=str(error))


def warn_of_gaps(plan: Plan, report: EncodeReport) -> None:
    """Log that video or audio was decoded in part only, as less than its packets hold."""
    for index, part in enumerate(plan.parts):
        alone = plan.alone(index)
        missing = report.missing[index]
        if plan.rungs and lacks_frames(alone, missing):
            packets = part.media.video.packets.count
            log.warning("video_incomplete", part=part.number, missing=missing, packets=packets)
        planned_s = planned_audio_s(alone)
        decoded_s = report.decoded_audio_s[index] if plan.audio else None
        if decoded_s is not None and not is_nearly_all(planned_s, decoded_s):
            log.warning(
                "audio_incomplete",
                part=part.number,
                decoded_s=round(decoded_s, 2),
                length_s=round(planned_s, 2),
            )
