"""Runs the FFmpegs of a plan: spans of video in one or more lanes, audio and copy beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from worker.encode.audio_lane import AUDIO_ENCODE, AUDIO_PROCESSES, AudioLane
from worker.encode.decode_check import DecodedFrames, check_span_end
from worker.encode.reports import read_out_time_s, read_segment_row
from worker.encode.scheduler import Lane, Scheduler
from worker.errors import BadSourceError, BudgetSpentError, VerificationError, WorkerError
from worker.ffmpeg.diagnostics import explain_failure
from worker.ffmpeg.encode import encode_video
from worker.ffmpeg.run import decoded_frames
from worker.ffmpeg.stream_copy import copy_video
from worker.layout import AUDIO
from worker.plan.forecast import Decision, Forecast
from worker.plan.plan import Plan, Span, rung_preset
from worker.runtime.child import Line
from worker.runtime.command import PROGRESS
from worker.runtime.process import Ended, FailedError, Processes
from worker.runtime.workspace import Workspace
from worker.team.shares import AUDIO_SHARE
from worker.team.team import Team
from worker.upload.uploader import Finished, Uploader

# How often it is seen whether another machine has made the audio.
_WAIT_S = 0.25
_COPY = "ffmpeg (copy)"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeReport:
    """How an encode went. `rungs` are those that were made whole.

    Of each part: `decoded_audio_s` is None where it has none, or where the audio was there already.
    """

    rungs: tuple[str, ...]
    decoded_audio_s: tuple[float | None, ...]
    missing: tuple[int, ...]
    peak_memory_bytes: int

    @property
    def missing_frames(self) -> int:
        """Frames of all parts that could not be decoded."""
        return sum(self.missing)


class SourceFile(Protocol):
    """The file to encode from. Of some only the bytes that are needed are fetched."""

    @property
    def path(self) -> Path:
        """Where FFmpeg reads it."""
        ...

    def ensure(self, plan: Plan, span: Span) -> None:
        """Have what a span of a plan of this file alone needs there."""
        ...

    def complete(self) -> None:
        """Have the whole file there."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """Called during an encode: with frames done and segments expected, and with decisions.

    `on_tick` several times a second.
    """

    on_progress: Callable[[int, int], None]
    on_forecast: Callable[[Forecast, Decision | None], None]
    on_tick: Callable[[], None] = lambda: None


class Encoder:
    """Encodes what a run still lacks into the workspace and hands each segment to the uploader.

    `sources` are the files of its parts.
    `done` maps renditions to the segments that are in the store already. With a `team` this machine
    encodes what it claims.
    """

    def __init__(
        self,
        plan: Plan,
        sources: Sequence[SourceFile],
        *,
        done: Mapping[str, Collection[int]],
        workspace: Workspace,
        uploader: Uploader,
        hooks: Hooks,
        team: Team | None = None,
    ) -> None:
        self._plan = plan
        self._sources = sources
        self._team = team
        self._workspace = workspace
        self._budget = workspace.budget
        self._uploader = uploader
        self._hooks = hooks
        self._needs_audio = AUDIO not in done and plan.audio is not None
        self._scheduler = Scheduler(plan, done, time_limit_s=self._budget.time_limit_s, team=team)
        self._audio = AudioLane(plan, plan.audio, workspace) if plan.audio else None
        self._decoded = DecodedFrames(plan)

    def run(self) -> EncodeReport:
        """Encode everything that is missing, or as much of it as the time allows.

        Raises:
            BadSourceError: FFmpeg cannot decode the source, or not to its end.
            BudgetSpentError: nothing worth publishing can be made in time.
            CannotWriteError: the work folder is full.
            WorkerError: as `Processes.events` and the uploader raise it.

        """
        for rendition in (*(rung.name for rung in self._plan.rungs), AUDIO):
            (self._workspace.folder / rendition).mkdir(parents=True, exist_ok=True)
        with Processes(self._workspace, on_tick=lambda: self._tick(processes)) as processes:
            self._start(processes)
            try:
                for event in self._events(processes):
                    self._handle(event, processes)
            except FailedError as error:
                raise self._explain(error) from error
            except BudgetSpentError as error:
                raise self._scheduler.forecast.with_need(error) from error
            finally:
                if self._audio:
                    self._audio.close()
            if self._plan.rungs:
                self._decoded.check()
            return EncodeReport(
                rungs=self._scheduler.choice.rungs,
                decoded_audio_s=tuple(self._audio.decoded_s) if self._audio else (),
                missing=self._decoded.missing,
                peak_memory_bytes=processes.peak_memory_bytes,
            )

    def _events(self, processes: Processes) -> Iterator[Line | Ended]:
        """Yield what the processes report; wait for audio that another machine makes, too."""
        yield from processes.events()
        while self._uploader.awaits_audio:
            self._budget.sleep(_WAIT_S)
            self._tick(processes)
            yield from processes.events()

    def _start(self, processes: Processes) -> None:
        self._start_audio(processes)
        if self._scheduler.lacks_copy:
            (source,) = self._sources
            source.complete()
            processes.start(_COPY, copy_video(self._plan, source.path))
        self._start_spans(processes)

    def _start_audio(self, processes: Processes) -> None:
        """Start on the audio, if it is lacking and this machine is to make it."""
        is_mine = self._team is None or self._team.has(AUDIO_SHARE)
        if self._needs_audio and is_mine and self._audio:
            self._needs_audio = False
            for source, part in zip(self._sources, self._plan.parts, strict=True):
                if part.media.audio:
                    source.complete()
            self._audio.start([source.path for source in self._sources], processes)
            self._scheduler.spares_a_lane = self._team is not None

    def _start_spans(self, processes: Processes) -> None:
        for lane in self._scheduler.assign():
            if span := lane.span:
                log.info(
                    "span_started",
                    first=span.first,
                    end=span.end,
                    rungs=span.rungs,
                    preset=span.preset,
                )
                index, own = self._plan.locate(span)
                source = self._sources[index]
                source.ensure(self._plan.alone(index), own)
                processes.start(lane.name, encode_video(self._plan, span, source.path))

    def _handle(self, event: Line | Ended, processes: Processes) -> None:
        lane = self._scheduler.lanes.get(event.child)
        if isinstance(event, Ended):
            self._handle_end(event, lane, processes)
        elif event.label != PROGRESS:
            self._handle_segment(event, lane, processes)
        elif lane and (reached_s := read_out_time_s(event)) is not None:
            lane.encoded_s = reached_s

    def _handle_segment(self, line: Line, lane: Lane | None, processes: Processes) -> None:
        row = read_segment_row(line)
        path = self._workspace.folder / row.rendition / row.name
        if not path.stat().st_size:
            # Not one frame was decoded; those that were are counted at the end of the span.
            return
        if self._scheduler.is_done(row.rendition, row.index):
            # A copy always starts at the beginning; what an earlier job stored is not stored again.
            path.unlink()
            return
        preset = None
        if lane and lane.span:
            preset = rung_preset(self._plan, row.rendition, lane.span.preset)
        log.debug("segment_encoded", rendition=row.rendition, index=row.index)
        self._uploader.submit(
            Finished(rendition=row.rendition, index=row.index, path=path, preset=preset)
        )
        self._scheduler.record(row.rendition, row.index)
        if lane and lane.span:
            lane.segmented_s = max(lane.segmented_s, row.end_s)
            if self._scheduler.has_finished(lane.span, row.index):
                self._steer(lane, row.index, processes)

    def _steer(self, lane: Lane, index: int, processes: Processes) -> None:
        """At the end of a segment, predict; where what is to be made has changed, end the span."""
        scheduler = self._scheduler
        if scheduler.is_steady:
            decision = scheduler.decide(self._budget)
            self._hooks.on_forecast(scheduler.forecast, decision)
            if decision:
                # A rung that was given up may be wanted again.
                self._start_spans(processes)
        if lane.span and scheduler.should_stop(lane.span, index):
            processes.stop(lane.name)

    def _handle_end(self, event: Ended, lane: Lane | None, processes: Processes) -> None:
        if event.child == AUDIO_ENCODE:
            self._uploader.end_audio()
            self._scheduler.spares_a_lane = False
            self._start_spans(processes)
        elif event.child in AUDIO_PROCESSES and self._audio:
            self._audio.end(event, processes)
        elif event.child == _COPY:
            self._check_copy()
        if lane is None:
            return
        if not event.was_stopped:
            self._check_span(lane, decoded_frames(event.tail))
        lane.span = None
        self._start_spans(processes)

    def _check_copy(self) -> None:
        if self._scheduler.lacks_copy:
            raise VerificationError(
                "the source's own video was not cut where its keyframes are; submit the job"
                " again with --copy-top never, and report this"
            )

    def _explain(self, error: FailedError) -> WorkerError:
        """Explain a failure of FFmpeg, with the part that it read where there are several."""
        explained, lane = explain_failure(error), self._scheduler.lanes.get(error.name)
        index = self._plan.locate(lane.span)[0] if lane and lane.span else 0
        if error.name in AUDIO_PROCESSES and self._audio:
            index = self._audio.part
        if isinstance(explained, BadSourceError):
            return BadSourceError(f"{self._plan.label(index)}{explained}", code=explained.code)
        return explained

    def _check_span(self, lane: Lane, frames: Mapping[int, int]) -> None:
        """Check what a span has, by the frames that were decoded of each track."""
        span = lane.span
        if span is None:
            return
        is_complete = self._scheduler.has_finished(span, span.end - 1)
        check_span_end(self._plan, span, segmented_s=lane.segmented_s, is_complete=is_complete)
        track = self._plan.parts[self._plan.locate(span)[0]].media.video.index
        if (decoded := frames.get(track)) is not None:
            self._decoded.add(span, decoded)

    def report_progress(self) -> None:
        """Report frames that are done: whole segments, and what each lane has begun."""
        self._hooks.on_progress(self._scheduler.done_frames(), self._scheduler.expected_segments())

    def _tick(self, processes: Processes) -> None:
        self._uploader.check()
        self._hooks.on_tick()
        if self._team is not None:
            self._team.check()
            # Where the machine that was to make it died.
            self._start_audio(processes)
        # Not at each line of progress: many lanes write more of them than anybody reads.
        self.report_progress()
        video = {*self._scheduler.lanes, _COPY}
        if self._uploader.is_full:
            processes.hold(video | AUDIO_PROCESSES)
        elif self._uploader.lacks_audio:
            processes.hold(video)
        else:
            # Or a copy, as fast as a disk, would fill the queue at once and hold the encodes.
            processes.hold({_COPY} if self._uploader.is_filling else ())
