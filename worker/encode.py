"""Runs the encodes of a plan: spans of pictures one after another, the sound beside them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from worker.command import PROGRESS, encode_audio, encode_video
from worker.errors import (
    BadEnvironmentError,
    BadSourceError,
    CannotWriteError,
    EncoderKilledError,
    WorkerError,
)
from worker.plan import AUDIO, Plan, Span
from worker.process import Ended, FailedError, Line, Processes, Tools
from worker.upload import Finished, Uploader

_VIDEO = "ffmpeg (video)"
_SOUND = "ffmpeg (audio)"
_DECODED = re.compile(r"Input stream #0:(\d+) .*?(\d+) frames decoded")
# Fewer of a stream's packets decoded, and what would be published is mostly filler. Below a half,
# because the two fields of an interlaced picture may travel as two packets and decode to one frame.
_LEAST_DECODED_SHARE = 0.45


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeReport:
    """How an encode went. Decoded counts are None where FFmpeg did not tell."""

    decoded_pictures: int | None
    decoded_sounds: int | None
    peak_memory_bytes: int


class Encoder:
    """Encodes the spans of a plan into a folder and hands each finished segment to the uploader.

    `on_progress` gets the frames of the grid that are encoded.
    """

    def __init__(
        self,
        plan: Plan,
        source: Path,
        *,
        folder: Path,
        uploader: Uploader,
        tools: Tools,
        stall_timeout_s: float,
        on_progress: Callable[[int], None],
        on_tick: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._source = source
        self._folder = folder
        self._uploader = uploader
        self._tools = tools
        self._stall_timeout_s = stall_timeout_s
        self._on_progress = on_progress
        self._on_tick = on_tick
        self._spans = list(plan.spans)
        self._span: Span | None = None
        self._frames = 0
        self._decoded: dict[int, int] = {}

    def run(self) -> EncodeReport:
        """Encode everything that is planned.

        Raises:
            BadSourceError: FFmpeg cannot decode the source, or not to its end.
            CannotWriteError: the work folder is full.
            WorkerError: as `Processes.events` and the uploader raise it.

        """
        for rendition in (*(rung.name for rung in self._plan.rungs), AUDIO):
            (self._folder / rendition).mkdir(parents=True, exist_ok=True)
        with Processes(
            budget=self._tools.budget,
            folder=self._folder,
            stall_timeout_s=self._stall_timeout_s,
            on_tick=lambda: self._tick(processes),
        ) as processes:
            self._start_audio(processes)
            self._start_next_span(processes)
            try:
                for event in processes.events():
                    self._take(event, processes)
            except FailedError as error:
                raise _explain(error) from error
            peak = processes.peak_memory_bytes
        return self._report(peak)

    def _start_audio(self, processes: Processes) -> None:
        audio = self._plan.audio
        if audio is not None:
            processes.start(
                _SOUND,
                [AUDIO, PROGRESS],
                lambda pipes: encode_audio(
                    self._plan, audio, self._source, ffmpeg_path=self._tools.ffmpeg, pipes=pipes
                ),
            )

    def _start_next_span(self, processes: Processes) -> None:
        span = self._span = self._spans.pop(0)
        processes.start(
            _VIDEO,
            [*(rung.name for rung in self._plan.rungs), PROGRESS],
            lambda pipes: encode_video(
                self._plan, span, self._source, ffmpeg_path=self._tools.ffmpeg, pipes=pipes
            ),
        )

    def _take(self, event: Line | Ended, processes: Processes) -> None:
        if isinstance(event, Ended):
            self._end(event, processes)
        elif event.label != PROGRESS:
            path = self._folder / event.label / event.text.partition(",")[0]
            self._uploader.submit(Finished(rendition=event.label, index=int(path.stem), path=path))
        elif event.child == _VIDEO and event.text.startswith("frame="):
            self._frames = int(event.text.removeprefix("frame="))
            self._tell_progress()

    def _end(self, event: Ended, processes: Processes) -> None:
        for line in event.tail:
            if match := _DECODED.search(line):
                index, frames = int(match[1]), int(match[2])
                self._decoded[index] = self._decoded.get(index, 0) + frames
        if event.child != _VIDEO or self._span is None:
            return
        grid = self._plan.grid
        first, end = grid.first_frame(self._span.first), grid.first_frame(self._span.end)
        if self._frames < end - first:
            raise BadSourceError(
                f"decoding breaks off at {float((first + self._frames) / grid.rate):.1f} s of"
                f" {float(grid.duration_s):.1f} s: the file is damaged; export or upload it again"
            )
        if self._spans:
            self._start_next_span(processes)

    def _tell_progress(self) -> None:
        grid = self._plan.grid
        before = grid.first_frame(self._span.first) if self._span else 0
        self._on_progress(min(before + self._frames, grid.total_frames))

    def _tick(self, processes: Processes) -> None:
        self._uploader.check()
        if self._uploader.is_full:
            processes.pause()
        else:
            processes.resume()
        self._on_tick()

    def _report(self, peak_memory_bytes: int) -> EncodeReport:
        media = self._plan.media
        pictures = self._decoded.get(media.video.index)
        if pictures is not None and pictures < _LEAST_DECODED_SHARE * media.video.packets.count:
            raise BadSourceError(
                f"only {pictures} of {media.video.packets.count} pictures can be decoded:"
                " the file is damaged; export or upload it again"
            )
        return EncodeReport(
            decoded_pictures=pictures,
            decoded_sounds=self._decoded.get(media.audio.index) if media.audio else None,
            peak_memory_bytes=peak_memory_bytes,
        )


def _explain(error: FailedError) -> WorkerError:
    """Say what FFmpeg's failure means to whoever runs the job."""
    text = "\n".join(error.tail)
    said = " | ".join(line for line in error.tail if _is_telling(line))[-600:]
    if "No space left on device" in text:
        return CannotWriteError("the work folder is full; give the job a larger volume")
    if "Cannot allocate memory" in text:
        return EncoderKilledError(f"{error.name} ran out of memory; give the job more ({said})")
    if "Unknown encoder" in text or "No such filter" in text:
        return BadEnvironmentError(f"this FFmpeg lacks a part that is needed ({said})")
    return BadSourceError(
        "FFmpeg cannot decode the source: the file is damaged; export or upload it again"
        f" ({error.name}, status {error.status}: {said})"
    )


def _is_telling(line: str) -> bool:
    return any(level in line for level in ("[error]", "[fatal]", "[panic]"))


def has_sound_gap(plan: Plan, report: EncodeReport) -> bool:
    """Whether so little of the sound was decoded that much of it is silence now."""
    if plan.media.audio is None or report.decoded_sounds is None:
        return False
    return report.decoded_sounds < _LEAST_DECODED_SHARE * plan.media.audio.packets.count
