"""Which FFmpegs the audio of a run takes, and who waits for which."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.sample import AUDIO, MEDIA, packets, plan_of, workspace
from worker.encode.audio_lane import AUDIO_ENCODE, AudioLane
from worker.plan.parts import PreparedFile
from worker.plan.plan import Plan
from worker.runtime.command import Command
from worker.runtime.process import Processes

DECODE, LAY = "ffmpeg (audio decode)", "ffmpeg (audio part)"
# Its audio lasts 5 s of 13.
SHORT = replace(
    AUDIO, packets=replace(packets(50, rate=10), times_s=array("d", (i / 10 for i in range(50))))
)
FILE = PreparedFile(media=replace(MEDIA, audio=SHORT))


class Started(Processes):
    """Starts nothing, and records what it was to start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(workspace(folder))
        self.fed_by: dict[str, set[str]] = {}

    def start(self, name: str, command: Command, *, fed_by: Collection[str] = ()) -> None:
        assert command.program == "ffmpeg"
        self.fed_by[name] = set(fed_by)


def started(a_plan: Plan, folder: Path) -> dict[str, set[str]]:
    assert a_plan.audio
    lane = AudioLane(a_plan, a_plan.audio, workspace(folder))
    with Started(folder) as processes:
        lane.start([Path("/in.mp4")] * len(a_plan.parts), processes)
        lane.close()
        return processes.fed_by


@pytest.mark.parametrize(("clip", "names"), [("4", {DECODE, AUDIO_ENCODE}), ("6", {AUDIO_ENCODE})])
def test_nothing_is_decoded_of_a_clip_without_samples(
    clip: str, names: set[str], tmp_path: Path
) -> None:
    assert set(started(plan_of(FILE, "--from", clip), tmp_path)) == names


@pytest.mark.parametrize(("clip", "names"), [("4", {DECODE, LAY}), ("6", {LAY})])
def test_who_encodes_several_parts_waits_for_those_that_are_laid(
    clip: str, names: set[str], tmp_path: Path
) -> None:
    """The first samples of a late clip may take minutes: it does not stand still."""
    found = started(plan_of(FILE, FILE, "--from", clip), tmp_path)
    assert found.pop(AUDIO_ENCODE) == {DECODE, LAY}
    assert set(found) == names
