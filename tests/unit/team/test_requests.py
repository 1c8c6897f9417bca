"""The requests of a team to its store: under 2,000 for each machine and hour.

Those for shares, heartbeats and polls at the others; segments are written as by an ordinary job.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit import sample
from tests.unit.encode.simulation import long_plan
from tests.unit.fakes import RecordingStore
from tests.unit.team.simulated_hour import HOUR_S, CountingStore, Hour
from worker.config.team import TeamMachine
from worker.encode.run import EncodeJob
from worker.encode.together import TeamEncode
from worker.hls.encryption import SegmentCipher
from worker.layout import claim_key, json_file, machine_key, segment_file, segment_name
from worker.monitoring.job_stats import JobStats
from worker.monitoring.progress import Reporter
from worker.monitoring.status import Status
from worker.plan.plan import Plan
from worker.records.team import ClaimRecord, MachineRecord
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, Workspace
from worker.source.fetch.sources import WholeFile
from worker.storage.retrying import RetryingStore
from worker.team.heartbeat import BEAT_S
from worker.team.shares import AUDIO_SHARE, Share
from worker.team.team import Team
from worker.upload.checkpoint import Checkpoint

MOST = 2000
RUN, NAME = "0123456789abcdef", "array-job"
# Progress of the encode, by which segments get into the checkpoint.
_TICK_S = 5.0


def a_plan() -> Plan:
    """Three hours in three rungs, on 2 vCPUs."""
    return replace(long_plan(lanes=2, hours=3), threads=1)


class Machines:
    """The machines of a team that make three hours of video, of which one is counted."""

    def __init__(self, hour: Hour, *, count: int) -> None:
        self.hour, self.count = hour, count
        self.plan = a_plan()
        self.objects = RecordingStore()
        self.store = CountingStore(self.objects)
        self.budget = Budget(time_limit_s=14_400, clock=hour, sleep=hour.advance)
        self.retrying = RetryingStore(self.store, self.budget)
        self.team = self.open(1)
        self.status = Status(
            self.retrying,
            job_id=f"{NAME}:0",
            budget=self.budget,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            team=NAME,
        )
        self._beat = -1

    def open(self, number: int) -> Team:
        machine = TeamMachine(number=number, of=self.count)
        return Team(
            machine,
            name=NAME,
            job_id=f"{NAME}:{number - 1}",
            store=self.retrying,
            budget=self.budget,
        )

    def beat(self) -> None:
        """Let the other machines live, and the encode go on."""
        self.status.update(percent=self.hour.now_s)
        if self.hour.now_s // BEAT_S == self._beat:
            return
        self._beat = int(self.hour.now_s // BEAT_S)
        for number in range(2, self.count + 1):
            owner = f"owner-{number}"
            record = MachineRecord(
                owner=owner, team=NAME, number=number, job_id=f"{NAME}:{number}", beat=self._beat
            )
            self.objects.put(json_file(machine_key(RUN, NAME, owner), record.to_json()))

    def store_all_but_what_others_make(self) -> None:
        """Each other machine still works on a share, the second one on the audio."""
        shares = [share for share in self.team.shares if share.name != AUDIO_SHARE]
        theirs = [Share(name=AUDIO_SHARE), *shares[len(shares) - self.count + 2 :]]
        for number, share in enumerate(theirs, 2):
            record = ClaimRecord(owner=f"owner-{number}", number=number)
            self.objects.put(json_file(claim_key(RUN, NAME, share.name), record.to_json()))
        lacking = {index for share in theirs for index in share.segments}
        for rung in self.plan.rungs:
            for index in range(self.plan.grid.segment_count):
                if index not in lacking:
                    name = segment_name(rung.name, index, "0" * 32)
                    self.objects.put(segment_file(f"{RUN}/{name}", b""))


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> Hour:
    return Hour(monkeypatch)


@pytest.fixture(params=[2, 12, 64])
def machines(request: pytest.FixtureRequest, hour: Hour) -> Machines:
    return Machines(hour, count=request.param)


def count_beats(machines: Machines, *, leads: bool) -> int:
    """Heartbeats of a machine in an hour, with what it polls at after each."""
    before = machines.store.requests
    machines.hour.on_advance = machines.beat
    if leads:
        machines.status.claim()
        machines.team.lead()
    machines.team.begin(RUN, machines.plan)
    for loop in machines.hour.loops:
        machines.hour.run(loop)
    assert len(machines.hour.loops) == 1 + leads
    return machines.store.requests - before


def count_claims(machines: Machines) -> int:
    """Claims of that one of the machines which makes most, until nobody finds a share."""
    teams = [machines.team, *(machines.open(n) for n in range(2, machines.count + 1))]
    made = dict.fromkeys(range(len(teams)), 0)
    is_left = True
    for team in teams[1:]:
        team.begin(RUN, machines.plan)
    while is_left:
        for number, team in enumerate(teams):
            before = machines.store.requests
            is_left = team.claim(lambda _: True)
            made[number] += machines.store.requests - before
    return max(made.values())


def count_checkpoints(machines: Machines) -> int:
    """Checkpoints of an hour in which a segment is stored every few seconds."""
    before = machines.store.requests
    checkpoint = Checkpoint(RUN, {}, key=f"{RUN}/checkpoint")
    for tick in range(round(HOUR_S / _TICK_S)):
        checkpoint.add(sample.segment("1080p", tick))
        checkpoint.save_periodically(machines.retrying, tick * _TICK_S)
    return machines.store.requests - before


@pytest.mark.parametrize("leads", [False, True], ids=["follows", "leads"])
def test_an_hour_of_encoding(machines: Machines, *, leads: bool) -> None:
    counts = {
        "beats": count_beats(machines, leads=leads),
        "claims": count_claims(machines),
        "checkpoints": count_checkpoints(machines),
    }
    assert min(counts.values()) > 0
    assert sum(counts.values()) < MOST, counts


@pytest.mark.parametrize("leads", [False, True], ids=["follows", "leads"])
def test_an_hour_of_waiting_for_the_others(
    machines: Machines, *, leads: bool, tmp_path: Path
) -> None:
    beats = count_beats(machines, leads=leads)
    machines.hour.now_s = 0.0
    machines.store_all_but_what_others_make()
    before = machines.store.requests
    with Reporter(
        machines.status, budget=machines.budget, on_terminal=False, stats=JobStats()
    ) as reporter:
        job = EncodeJob(
            plan=machines.plan,
            name=RUN,
            sources=(WholeFile(tmp_path / "source.mp4"),),
            workspace=Workspace(folder=tmp_path, tools=Tools(), budget=machines.budget),
            cipher=SegmentCipher(),
            store=machines.retrying,
            reporter=reporter,
            threads=1,
        )
        encode = TeamEncode(job, machines.team, on_choice=lambda _: None)
        while not machines.hour.is_over:
            assert not encode.advance()
            machines.hour.advance(1.0)
    polls = machines.store.requests - before
    assert beats + polls < MOST, (beats, polls)
