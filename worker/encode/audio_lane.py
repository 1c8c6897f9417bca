"""Runs the FFmpegs of the audio: one part after the other is decoded, all are encoded as one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from worker.ffmpeg.audio import (
    DECODED,
    LAID,
    decode_audio,
    decoded_rate_hz,
    encode_audio,
    encode_laid_audio,
    lay_audio,
)
from worker.ffmpeg.run import written_samples
from worker.plan.plan import AudioPlan, Plan
from worker.runtime.process import Ended, Processes
from worker.runtime.workspace import Workspace

_DECODE, _LAY, AUDIO_ENCODE = "ffmpeg (audio decode)", "ffmpeg (audio part)", "ffmpeg (audio)"
AUDIO_PROCESSES = frozenset({_DECODE, _LAY, AUDIO_ENCODE})


class AudioLane:
    """The audio of a run while it is encoded.

    `part` is the one that is read, or was last. `decoded_s` has for each part how many seconds were
    decoded: None for one without samples, and where the audio was not encoded here.
    """

    def __init__(self, plan: Plan, audio: AudioPlan, workspace: Workspace) -> None:
        self._plan, self._audio, self._workspace = plan, audio, workspace
        self._paths: Sequence[Path] = ()
        self.part = 0
        self._running: set[str] = set()
        self._fifo: int | None = None
        self.decoded_s: list[float | None] = [None] * len(plan.parts)

    def start(self, paths: Sequence[Path], processes: Processes) -> None:
        """Start on the audio of these files, each of a part."""
        self._paths = paths
        self._workspace.add_fifo(DECODED)
        if len(paths) == 1:
            if self._has_samples:
                self._decode(processes)
            processes.start(AUDIO_ENCODE, encode_audio(self._plan, self._audio))
            return
        self._workspace.add_fifo(LAID)
        # Open for as long as parts are to come: who reads it would take a part's end for the last.
        # For reading as well, or this would wait for a reader.
        self._fifo = os.open(self._workspace.folder / LAID, os.O_RDWR)
        # Before the samples of a late clip others may be decoded for minutes.
        encode = encode_laid_audio(self._plan, self._audio)
        processes.start(AUDIO_ENCODE, encode, fed_by={_DECODE, _LAY})
        self._lay(processes)

    def end(self, event: Ended, processes: Processes) -> None:
        """Go on with the next part where one has ended."""
        audio = self._plan.parts[self.part].media.audio
        if event.child == _DECODE and audio:
            self.decoded_s[self.part] = written_samples(event.tail) / decoded_rate_hz(audio)
        self._running.discard(event.child)
        if self._running or self._fifo is None:
            return
        if self.part + 1 == len(self._paths):
            self.close()
        else:
            self.part += 1
            self._lay(processes)

    def close(self) -> None:
        """Let go of the pipe: what is in it still can be read."""
        if self._fifo is not None:
            os.close(self._fifo)
            self._fifo = None

    @property
    def _has_samples(self) -> bool:
        return self._plan.parts[self.part].has_samples(self._plan.grid.rate)

    def _lay(self, processes: Processes) -> None:
        self._running = {_LAY}
        if self._has_samples:
            self._running.add(_DECODE)
            self._decode(processes)
        processes.start(_LAY, lay_audio(self._plan, self._audio, self.part))

    def _decode(self, processes: Processes) -> None:
        part, rate = self._plan.parts[self.part], self._plan.grid.rate
        length_s = part.frames / rate if part.ends_early(rate) else None
        command = decode_audio(part.media, self._paths[self.part], length_s=length_s)
        processes.start(_DECODE, command)
