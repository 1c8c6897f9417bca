"""Runs the encodes of a plan: spans of pictures, in one or several lanes, the sound beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from worker.alone import decoded_frames
from worker.command import PROGRESS, encode_video
from worker.copying import copy_video
from worker.decoded import DecodedPictures
from worker.errors import BadSourceError, BudgetSpentError, VerificationError
from worker.failures import explain_failure
from worker.forecast import Decision, Forecast
from worker.lanes import next_span
from worker.plan import AUDIO, Plan, Span, rung_preset
from worker.process import Ended, FailedError, Line, Processes, Tools
from worker.sound import encode_audio
from worker.upload import Finished, Uploader

_SOUND, _COPY = "ffmpeg (audio)", "ffmpeg (copy)"
_OUT_TIME = re.compile(r"out_time_us=(\d+)")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeReport:
    """How an encode went. `rungs` are those that were made whole.

    `decoded_sounds` is None where FFmpeg did not tell, and where the sound was there already.
    """

    rungs: tuple[str, ...]
    decoded_sounds: int | None
    peak_memory_bytes: int


@dataclass(slots=True)
class _Lane:
    """One FFmpeg at a time, and how far it is into its span: encoded, and in whole segments."""

    name: str
    span: Span | None = None
    encoded_s: float = 0.0
    segmented_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """Whom an encode tells: of frames done and segments expected, and of decisions."""

    on_progress: Callable[[int, int], None]
    on_forecast: Callable[[Forecast, Decision | None], None]


class Encoder:
    """Encodes what a run still lacks into a folder and hands each segment to the uploader.

    `done` maps renditions to the segments that are in the store already.
    """

    def __init__(
        self,
        plan: Plan,
        source: Path,
        *,
        done: Mapping[str, set[int]],
        folder: Path,
        uploader: Uploader,
        tools: Tools,
        hooks: Hooks,
    ) -> None:
        self._plan = plan
        self._source = source
        self._folder = folder
        self._uploader = uploader
        self._tools = tools
        self._hooks = hooks
        self._done = {rung.name: set(done.get(rung.name, ())) for rung in plan.rungs}
        self._copied = {rung.name for rung in plan.rungs if rung.is_copied}
        self._needs_sound = plan.audio is not None and AUDIO not in done
        self._forecast = Forecast(
            plan, time_limit_s=tools.budget.time_limit_s, missing=self._missing_frames()
        )
        names = [f"ffmpeg (video {number})" for number in range(plan.lanes)]
        self._lanes = {name: _Lane(name) for name in names}
        self._decoded_sounds: int | None = None
        self._decoded = DecodedPictures(plan)

    def run(self) -> EncodeReport:
        """Encode everything that is missing, or as much of it as the time allows.

        Raises:
            BadSourceError: FFmpeg cannot decode the source, or not to its end.
            BudgetSpentError: nothing worth publishing can be made in time.
            CannotWriteError: the work folder is full.
            WorkerError: as `Processes.events` and the uploader raise it.

        """
        for rendition in (*self._done, AUDIO):
            (self._folder / rendition).mkdir(parents=True, exist_ok=True)
        with Processes(
            budget=self._tools.budget,
            folder=self._folder,
            stall_timeout_s=self._tools.stall_timeout_s,
            on_tick=lambda: self._tick(processes),
        ) as processes:
            if self._needs_sound:
                self._start_sound(processes)
            if any(self._missing_frames()[rung] for rung in self._copied):
                self._start_copy(processes)
            self._start_spans(processes)
            try:
                for event in processes.events():
                    self._take(event, processes)
            except FailedError as error:
                raise explain_failure(error) from error
            except BudgetSpentError as error:
                raise self._forecast.with_need(error) from error
            self._decoded.check()
            return EncodeReport(
                rungs=self._forecast.choice.rungs,
                decoded_sounds=self._decoded_sounds,
                peak_memory_bytes=processes.peak_memory_bytes,
            )

    def _start_sound(self, processes: Processes) -> None:
        audio = self._plan.audio
        if audio is not None:
            processes.start(
                _SOUND,
                [AUDIO, PROGRESS],
                lambda pipes: encode_audio(
                    self._plan, audio, self._source, ffmpeg_path=self._tools.ffmpeg, pipes=pipes
                ),
            )

    def _start_copy(self, processes: Processes) -> None:
        processes.start(
            _COPY,
            [*self._copied, PROGRESS],
            lambda pipes: copy_video(
                self._plan, self._source, ffmpeg_path=self._tools.ffmpeg, pipes=pipes
            ),
        )

    def _start_spans(self, processes: Processes) -> None:
        """Give each idle lane what comes next, until nothing is left to be taken."""
        for lane in self._lanes.values():
            if lane.span is None:
                self._start_next_span(lane, processes)

    def _start_next_span(self, lane: _Lane, processes: Processes) -> None:
        lane.encoded_s = lane.segmented_s = 0.0
        choice = self._forecast.choice
        busy = [each.span for each in self._lanes.values() if each.span]
        found = next_span(
            self._plan.grid,
            [rung for rung in choice.rungs if rung not in self._copied],
            self._done,
            taken=[range(span.first, span.end) for span in busy],
            lanes=self._plan.lanes,
        )
        if found is None:
            return
        segments, rungs = found
        span = lane.span = Span(
            first=segments.start, end=segments.stop, rungs=rungs, preset=choice.preset
        )
        log.info("span_started", first=span.first, end=span.end, rungs=rungs, preset=span.preset)
        processes.start(
            lane.name,
            [*rungs, PROGRESS],
            lambda pipes: encode_video(
                self._plan, span, self._source, ffmpeg_path=self._tools.ffmpeg, pipes=pipes
            ),
        )

    def _take(self, event: Line | Ended, processes: Processes) -> None:
        lane = self._lanes.get(event.child)
        if isinstance(event, Ended):
            self._end(event, lane, processes)
        elif event.label != PROGRESS:
            self._take_segment(event, lane, processes)
        elif lane and (reached := _OUT_TIME.match(event.text)):
            lane.encoded_s = int(reached[1]) / 1e6
            self.tell_progress()

    def _take_segment(self, row: Line, lane: _Lane | None, processes: Processes) -> None:
        rendition, (name, _, end_s) = row.label, row.text.split(",")
        path = self._folder / rendition / name
        if not path.stat().st_size:
            # Not one picture was decoded; what was is counted at the end of the span.
            return
        index = int(path.stem)
        if index in self._done.get(rendition, ()):
            # A copy always starts at the beginning; what an earlier job stored need not be again.
            path.unlink()
            return
        preset = rung_preset(self._plan, rendition, lane.span.preset) if lane and lane.span else ""
        log.debug("segment_encoded", rendition=rendition, index=index)
        self._uploader.submit(Finished(rendition=rendition, index=index, path=path, preset=preset))
        if rendition in self._done:
            self._done[rendition].add(index)
        if lane is None or lane.span is None:
            return
        lane.segmented_s = max(lane.segmented_s, float(end_s))
        if all(index in self._done[rung] for rung in lane.span.rungs):
            self._steer(lane, lane.span, index, processes)

    def _steer(self, lane: _Lane, span: Span, index: int, processes: Processes) -> None:
        """At the end of a segment, predict; where what is to be made has changed, end the span."""
        budget, forecast = self._tools.budget, self._forecast
        spans = [each.span for each in self._lanes.values() if each.span]
        # Until all of them are as was decided, their segments do not tell what that costs.
        if all(map(self._is_wanted, spans)):
            forecast.observe(budget.elapsed_s, self._missing_frames())
            decision = forecast.decide(budget.remaining_s)
            self._hooks.on_forecast(forecast, decision)
            if decision:
                # A rung that was given up may be wanted again.
                self._start_spans(processes)
        if not self._is_wanted(span) and index + 1 < span.end:
            processes.stop(lane.name)

    def _is_wanted(self, span: Span) -> bool:
        wanted = self._forecast.choice
        return span.preset == wanted.preset and set(span.rungs) <= set(wanted.rungs)

    def _end(self, event: Ended, lane: _Lane | None, processes: Processes) -> None:
        decoded = decoded_frames(event.tail)
        media = self._plan.media
        if event.child == _SOUND:
            self._decoded_sounds = decoded.get(media.audio.index) if media.audio else None
        elif event.child == _COPY:
            self._check_copy()
        if lane is None:
            return
        if lane.span and not event.was_stopped:
            self._check_span(lane, lane.span, decoded.get(media.video.index))
        lane.span = None
        self._start_spans(processes)

    def _check_copy(self) -> None:
        if any(self._missing_frames()[rung] for rung in self._copied):
            raise VerificationError(
                "the source's own pictures were not cut where its keyframes are; submit the job"
                " again with --copy-top never, and report this"
            )

    def _check_span(self, lane: _Lane, span: Span, decoded: int | None) -> None:
        """Refuse a span for which decoding broke off: FFmpeg exits 0 all the same."""
        grid = self._plan.grid
        first, end = grid.first_frame(span.first), grid.first_frame(span.end)
        # The last picture's own length is told or not, by FFmpeg's version.
        is_short = lane.segmented_s < (end - first - 1) / grid.rate - 1e-3
        if is_short or any(span.end - 1 not in self._done[rung] for rung in span.rungs):
            broken_s = float(first / grid.rate) + lane.segmented_s
            raise BadSourceError(
                f"decoding breaks off at {broken_s:.1f} s of"
                f" {float(grid.duration_s):.1f} s: the file is damaged; export or upload it again"
            )
        if decoded is not None:
            self._decoded.add(span, decoded)

    def _missing_frames(self) -> dict[str, int]:
        grid = self._plan.grid
        return {rung: grid.total_frames - grid.frames_in(done) for rung, done in self._done.items()}

    def tell_progress(self) -> None:
        """Report frames that are done: whole segments, and what each lane has begun."""
        grid, choice = self._plan.grid, self._forecast.choice
        missing = self._missing_frames()
        done = grid.total_frames - max(missing[rung] for rung in choice.rungs)
        for lane in self._lanes.values():
            if lane.span:
                spanned = range(lane.span.first, lane.span.end)
                stored = self._done[lane.span.rungs[0]].intersection(spanned)
                done += max(0, round(lane.encoded_s * grid.rate) - grid.frames_in(stored))
        renditions = len(choice.rungs) + (self._plan.audio is not None)
        self._hooks.on_progress(min(done, grid.total_frames), renditions * grid.segment_count)

    def _tick(self, processes: Processes) -> None:
        self._uploader.check()
        if self._uploader.is_full:
            processes.hold({*self._lanes, _SOUND, _COPY})
        else:
            # Or a copy, as fast as a disk, would fill the queue anew at once and hold the encodes.
            processes.hold({_COPY} if self._uploader.is_filling else ())
