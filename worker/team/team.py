"""This machine as one of those that make a video together: what it has claimed, and who leads."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress

import structlog

from worker.config.team import TeamMachine
from worker.errors import PUBLISHED, InternalError, WorkerError
from worker.layout import machine_checkpoint_key, machine_key
from worker.plan.forecast import Choice
from worker.plan.plan import Plan
from worker.records.job import Outcome
from worker.records.team import MachineRecord, MachineState
from worker.runtime.budget import Budget
from worker.storage.lease import now_s
from worker.storage.retrying import RetryingStore
from worker.team.claims import Claims, ClaimsDeletedError
from worker.team.heartbeat import Heartbeat
from worker.team.machines import Machines, Roll
from worker.team.shares import Share, plan_shares
from worker.team.standing import Standing

# Each look at all machines reads one record of each. With many it is rarer, so that the requests
# of the machine that leads stay as many.
_ROLL_S, _ROLL_S_A_MACHINE = 20.0, 5.0
_DELETE_GRACE_S = 6.0
# After a stop: by then each machine that was stopped, too, has recorded how it ended.
_LAST_ROLL_GRACE_S, _LAST_ROLL_EVERY_S = 11.0, 1.0

log = structlog.get_logger(__name__)


class TeamEndedError(Exception):
    """The job has ended for all machines, by this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


class Team:
    """One machine's part in a team; filled by its heartbeat, read by the steps of the job.

    Whoever holds the destination's lease leads: it decides what is encoded and publishes. Apart
    from that all machines do the same.
    """

    def __init__(
        self, machine: TeamMachine, *, name: str, job_id: str, store: RetryingStore, budget: Budget
    ) -> None:
        self.machine, self.name = machine, name
        self.owner = uuid.uuid4().hex
        self.standing = Standing(store, team=name)
        self.leads = False
        self.decided: Choice | None = None
        self.roll = Roll()
        self.shares: tuple[Share, ...] = ()
        self.mine: list[Share] = []
        self.on_roll: Callable[[Roll], None] = lambda _: None
        self.on_leaderless: Callable[[], None] = lambda: None
        self._job_id = job_id
        self._store, self._budget = store, budget
        self._heartbeat: Heartbeat | None = None
        self._called_s = -_ROLL_S
        # The heartbeat may take the lead while the job ends.
        self._lock = threading.Lock()
        self._has_left = False

    def begin(self, run: str, plan: Plan) -> None:
        """Take part in a run from now on, as others see by this machine's heartbeat.

        Raises:
            WorkerError: as the store raises it.

        """
        if self._heartbeat is not None:
            return
        self.shares = plan_shares(plan, machines=self.machine.of)
        self.claims = Claims(
            self._store, run, team=self.name, owner=self.owner, number=self.machine.number
        )
        self.machines = Machines(
            self._store.with_grace(_LAST_ROLL_GRACE_S), run, team=self.name, owner=self.owner
        )
        record = MachineRecord(
            owner=self.owner, team=self.name, number=self.machine.number, job_id=self._job_id
        )
        self._heartbeat = Heartbeat(
            self._store, run, record, on_beat=self._look_around, on_bug=self._stop
        )
        self._heartbeat.start()

    def _stop(self, bug: Exception) -> None:
        """End this machine's job: without a heartbeat others make its shares, too."""
        failure = InternalError(f"a bug of the worker in its heartbeat: {type(bug).__name__}")
        failure.__cause__ = bug
        self._budget.stop(failure)

    def end(self, outcome: Outcome, *, is_over: bool) -> None:
        """Record how this machine ended, so that its shares are free; nothing once all is over."""
        if self._heartbeat is None:
            return
        self._heartbeat.end(None if is_over else outcome)
        if is_over:
            self._delete_own(is_published=outcome.exit_status == PUBLISHED)

    def _delete_own(self, *, is_published: bool) -> None:
        """Delete what this machine may have written after whoever published deleted all of it."""
        run = self.claims.run
        keys = [machine_key(run, self.name, self.owner), *self.claims.own_keys()]
        if is_published:
            # Or the next job continues from it.
            keys.append(machine_checkpoint_key(run, self.name, self.owner))
        try:
            self._store.with_grace(_DELETE_GRACE_S).delete(keys)
        except WorkerError as error:
            log.debug("leftovers_not_deleted", reason=str(error))

    def lead(self) -> bool:
        """Lead from now on, as this machine has the lease; False: by now it has left the team."""
        with self._lock:
            if not self._has_left:
                self.decided = self.choice
                self.leads = True
            return not self._has_left

    def retire(self) -> bool:
        """Take the lead no more, as this machine leaves the team; whether it has it."""
        with self._lock:
            self._has_left = True
            return self.leads

    def follow(self) -> None:
        """Leave the lead to the machine that took the lease."""
        self.leads = False
        self.standing.forget()

    def report(
        self,
        *,
        state: MachineState,
        segments: int,
        frames: Mapping[str, int],
        missing_frames: int = 0,
    ) -> None:
        """Set what the heartbeat says of this machine."""
        if self._heartbeat is not None:
            self._heartbeat.update(
                state=state, segments=segments, frames=frames, missing_frames=missing_frames
            )

    @property
    def has_begun(self) -> bool:
        """Whether a run is planned: before that no machine can be seen by its heartbeat."""
        return self._heartbeat is not None

    def can_be_spared(self) -> bool:
        """Whether other machines can go on without this one, which has failed or was stopped.

        All may have been stopped at once: each records that as it ends, for which this one waits.
        """
        if not self.has_begun:
            return True
        with suppress(WorkerError):
            while self.call_the_roll().live > 1:
                self._budget.sleep(_LAST_ROLL_EVERY_S, _LAST_ROLL_GRACE_S)
        return self.roll.live > 1

    def call_the_roll(self) -> Roll:
        """Look at all machines now.

        Raises:
            WorkerError: as the store raises it.

        """
        self.roll = self.machines.call_the_roll()
        self.on_roll(self.roll)
        return self.roll

    def _look_around(self) -> None:
        if not self.leads:
            self.standing.poll()
            if self.standing.has_no_leader:
                # At once, though this machine may encode for minutes yet.
                self.on_leaderless()
            return
        every_s = max(_ROLL_S, _ROLL_S_A_MACHINE * self.machine.of)
        if now_s() - self._called_s >= every_s:
            self._called_s = now_s()
            self.call_the_roll()

    def check(self) -> None:
        """Notice that the job has ended for all.

        Raises:
            TeamEndedError: with how it did.

        """
        outcome = self.roll.fault if self.leads else self.standing.outcome
        if outcome is not None:
            raise TeamEndedError(outcome)

    @property
    def choice(self) -> Choice | None:
        """What the machine that leads wants to be encoded; None: nothing else than planned."""
        if self.leads:
            return self.decided
        record = self.standing.record
        if record is None or record.choice is None:
            return None
        return Choice(preset=record.choice.preset, rungs=record.choice.rungs)

    def has(self, name: str) -> bool:
        """Whether this machine has claimed a share."""
        return any(share.name == name for share in self.mine)

    @property
    def claimed(self) -> Iterator[range]:
        """The segments of the shares of video that this machine has claimed."""
        return (share.segments for share in self.mine if share.segments)

    def claim(self, lacks: Callable[[Share], bool]) -> bool:
        """Claim one more share of what is lacking; False: others have all that is left.

        Raises:
            TeamEndedError: the run was published while this machine stood still.
            WorkerError: as the store raises it.

        """
        if self._heartbeat is not None and self._heartbeat.was_silent:
            self._check_ended()
            self._drop_what_was_taken_over()
        others = [share for share in self.shares if share not in self.mine]
        try:
            share = self.claims.take(others, lacks)
        except ClaimsDeletedError:
            self._check_ended()
            # A listing may be behind what the store has confirmed.
            share = self.claims.take(others, lacks)
        if share is not None:
            self.mine.append(share)
        return share is not None

    def take_over(self, lacking: Collection[Share]) -> bool:
        """Claim what is lacking and was claimed by a machine that is dead.

        Raises:
            WorkerError: as the store raises it.

        """
        by_name = {share.name: share for share in lacking if share not in self.mine}
        taken = False
        claims = self.claims.read(by_name)
        dead = self.machines.find_dead({claim.owner for claim in claims.values()})
        for name, claim in claims.items():
            is_free = claim.owner in dead and not self.machines.fault_of(claim.owner)
            if claim.owner == self.owner or (is_free and self.claims.take_over(claim)):
                self.mine.append(by_name[name])
                taken = True
        return taken

    def _check_ended(self) -> None:
        """Read at once whether the job has ended for all: what is made now may be waste.

        Raises:
            TeamEndedError: with how it did.
            WorkerError: as the store raises it.

        """
        self.standing.poll()
        if (ended := self.standing.outcome) is not None:
            # By a machine that took the lead while this one stood still.
            self.leads = False
            raise TeamEndedError(ended)

    def _drop_what_was_taken_over(self) -> None:
        """After this machine stood still, leave to others what they took over meanwhile."""
        owners = self.claims.read([share.name for share in self.mine])
        kept = [s for s in self.mine if s.name in owners and owners[s.name].owner == self.owner]
        if len(kept) < len(self.mine):
            log.warning("shares_lost", count=len(self.mine) - len(kept))
        self.mine = kept
