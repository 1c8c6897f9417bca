"""Which machines of a team live, and what they have stored."""

from __future__ import annotations

import pytest

from tests.unit.fakes import Clock, RecordingStore, retrying
from worker.errors import (
    BadSourceError,
    EncoderKilledError,
    InternalError,
    NoSourceError,
    SourceFault,
    VerificationError,
    WorkerError,
)
from worker.layout import json_file, machine_key
from worker.outcome import outcome_of
from worker.records.job import Outcome
from worker.records.team import MachineRecord, MachineState
from worker.storage import lease
from worker.team import machines as module
from worker.team.machines import Machines

RUN, TEAM = "0123456789abcdef", "array-job"
DAMAGED = BadSourceError("it is damaged", code=SourceFault.DAMAGED)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "now_s", clock)
    return clock


class Team:
    """The records of some machines; one watches them."""

    def __init__(self) -> None:
        self.store = RecordingStore()
        self.machines = Machines(retrying(self.store), RUN, team=TEAM, owner="me")
        self._beats: dict[str, int] = {}

    def beat(
        self,
        owner: str,
        *,
        number: int = 2,
        state: MachineState = "encoding",
        frames: int = 0,
        outcome: Outcome | None = None,
    ) -> None:
        beat = self._beats[owner] = self._beats.get(owner, 0) + 1
        record = MachineRecord(
            owner=owner,
            team=TEAM,
            number=number,
            job_id=f"{TEAM}:{number - 1}",
            beat=beat,
            state=state,
            segments=frames // 180,
            frames={"1080p": frames},
            outcome=outcome,
        )
        self.store.put(json_file(machine_key(RUN, TEAM, owner), record.to_json()))

    def is_dead(self, owner: str) -> bool:
        return owner in self.machines.find_dead([owner])


@pytest.fixture
def team() -> Team:
    return Team()


def ended_with(error: WorkerError) -> Outcome:
    return outcome_of(error)


@pytest.mark.parametrize(("waited_s", "is_dead"), [(44.0, False), (45.0, True)])
def test_a_heartbeat_that_stands_still_is_a_dead_machines(
    team: Team, clock: Clock, *, waited_s: float, is_dead: bool
) -> None:
    team.beat("it")
    assert not team.is_dead("it")
    clock.now_s += waited_s
    assert team.is_dead("it") == is_dead


def test_one_that_moves_lives(team: Team, clock: Clock) -> None:
    for _ in range(10):
        team.beat("it")
        assert not team.is_dead("it")
        clock.now_s += 40


def test_a_watcher_that_stood_still_itself_takes_nobody_for_dead(team: Team, clock: Clock) -> None:
    team.beat("it")
    assert not team.is_dead("it")
    clock.now_s += 3600
    team.beat("it")
    assert not team.is_dead("it")


def test_one_that_has_ended_is_not_waited_for(team: Team, clock: Clock) -> None:
    del clock
    team.beat("it", state="ended", outcome=ended_with(EncoderKilledError("killed")))
    assert team.is_dead("it")


def test_one_that_ends_while_it_is_watched_is_seen_by_the_second_look(
    team: Team, clock: Clock
) -> None:
    """The first one finds that its record moves, and does not read it."""
    del clock
    team.beat("it")
    assert not team.is_dead("it")
    team.beat("it", state="ended", outcome=ended_with(EncoderKilledError("killed")))
    assert [team.is_dead("it"), team.is_dead("it")] == [False, True]


def test_one_that_moves_is_not_read(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.beat("it")
    team.is_dead("it")
    monkeypatch.setattr(team.store, "get", None)
    for _ in range(3):
        team.beat("it")
        assert not team.is_dead("it")


def test_one_whose_record_never_comes_is_dead_in_the_end(team: Team, clock: Clock) -> None:
    assert not team.is_dead("it")
    clock.now_s += lease.STALE_S
    assert team.is_dead("it")


def test_this_machine_is_never_dead(team: Team) -> None:
    assert not team.is_dead("me")


def test_the_roll_counts_what_the_others_have_stored(team: Team, clock: Clock) -> None:
    team.beat("me", number=1, frames=9000)
    team.beat("it", number=2, frames=360)
    team.beat("lost", number=3, frames=180)
    team.machines.call_the_roll()
    clock.now_s += lease.STALE_S
    team.beat("me", number=1, frames=9000)
    team.beat("it", number=2, frames=540)
    roll = team.machines.call_the_roll()
    assert roll.elsewhere == {"1080p": 540 + 180}
    assert roll.live == 2
    assert [(m.number, m.state, m.segments) for m in roll.machines] == [
        (1, "encoding", 50),
        (2, "encoding", 3),
        (3, "lost", 1),
    ]


@pytest.mark.parametrize(
    ("error", "is_of_all"),
    [
        (DAMAGED, True),
        (EncoderKilledError("killed"), False),
        (NoSourceError("its URL has expired"), False),
    ],
)
def test_what_is_wrong_with_the_source_ends_the_job_for_all(
    team: Team, clock: Clock, error: WorkerError, *, is_of_all: bool
) -> None:
    """A machine that has too little memory does not, nor one whose URL has expired."""
    del clock
    outcome = ended_with(error)
    team.beat("it", state="ended", outcome=outcome)
    roll = team.machines.call_the_roll()
    assert roll.fault == (outcome if is_of_all else None)
    assert team.machines.fault_of("it") == is_of_all
    assert roll.machines[0].exit_status == outcome.exit_status


def test_a_bug_ends_the_job_for_all_where_a_second_machine_meets_it(
    team: Team, clock: Clock
) -> None:
    """Of one it may be the machine's: the others make its shares."""
    del clock
    bug = ended_with(InternalError("a bug"))
    team.beat("one", state="ended", outcome=bug)
    team.beat("other", number=3, state="ended", outcome=ended_with(VerificationError("bits")))
    assert team.machines.call_the_roll().fault is None
    assert not team.machines.fault_of("one")
    team.beat("two", number=4, state="ended", outcome=bug)
    assert team.machines.call_the_roll().fault == bug


def test_a_record_of_another_version_is_no_live_machines(team: Team, clock: Clock) -> None:
    team.store.put(json_file(machine_key(RUN, TEAM, "it"), b'{"schema_version": 2}'))
    team.machines.call_the_roll()
    clock.now_s += lease.STALE_S
    assert team.machines.call_the_roll().machines == ()
    assert team.is_dead("it")
