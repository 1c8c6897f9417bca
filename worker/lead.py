"""Who leads a job, and so answers for status.json and callbacks: this process, or a teammate."""

from __future__ import annotations

from collections.abc import Callable

from worker.config.job import Job, made_of
from worker.config.team import answers_for_nobody, team_of
from worker.context import Context
from worker.errors import PUBLISHED, TakenError
from worker.monitoring.status import Status
from worker.outcome import clip_of
from worker.records.job import Outcome
from worker.storage.lease import ANSWER_S, TeammateError
from worker.storage.open import open_store
from worker.storage.retrying import RetryingStore
from worker.team.machines import ends_for_all
from worker.team.team import Team

# Within that of the last write of status.json, which follows.
_CLAIM_GRACE_S = 8.0


class Lead:
    """The destination of a job, its lease, and its team where several machines do the job.

    `store` takes writes while the lease is held; with a team, from any of its machines.
    """

    def __init__(self, job: Job, context: Context) -> None:
        self._budget = context.budget
        store = open_store(job, context.budget, is_shared=job.machine is not None)
        # A stop that came before leaves time to claim it, or status.json would not record it.
        leased = open_store(
            job, context.budget, answer_s=ANSWER_S, is_shared=job.machine is not None
        ).with_grace(_CLAIM_GRACE_S)
        name = None if job.machine is None else team_of(job.job_id)
        self.status = Status(
            leased,
            job_id=job.job_id,
            budget=context.budget,
            now=context.now,
            team=name,
            on_taken=self._lose,
        )
        self.status.update(parts=made_of(job).get("parts", ()), clip=clip_of(job))
        self.team: Team | None = None
        self.store: RetryingStore = store.guarded(self.status.check_held)
        if job.machine is not None and name is not None:
            self.store = store
            self.team = Team(
                job.machine, name=name, job_id=job.job_id, store=leased, budget=context.budget
            )
            self.team.on_roll = lambda roll: self.status.update(machines=roll.machines)

    @property
    def leads(self) -> bool:
        """Whether this process answers for the job."""
        return self.team is None or self.team.leads

    def if_leading(self, report: Callable[..., None]) -> Callable[..., None]:
        """Return a function that reports what it is given while this process answers for it."""

        def report_if_leading(**fields: object) -> None:
            if self.leads:
                report(**fields)

        return report_if_leading

    def claim(self) -> None:
        """Take the destination, or leave it to the machine of the team that has it.

        Raises:
            TakenError: another job has it.

        """
        try:
            self.status.claim()
        except TeammateError:
            if self.team is None:
                raise
            return
        if self.team is not None:
            self.team.lead()

    def _lose(self, error: TakenError) -> None:
        """Stop the job that has lost its destination; a machine of a team follows the other one."""
        if self.team is not None and isinstance(error, TeammateError):
            self.team.follow()
        else:
            self._budget.stop(error)

    def leave(self, outcome: Outcome) -> bool:
        """Leave the job to the rest of the team; False: this process answers for its outcome."""
        team = self.team
        if team is None:
            return False
        leads, is_published = team.retire(), outcome.exit_status == PUBLISHED
        if leads and (is_published or ends_for_all(outcome, team.roll.outcomes)):
            # What is left below a run that is published would be waste.
            team.end(outcome, is_over=True)
            return False
        if not team.standing.finds_team():
            team.end(outcome, is_over=False)
            return is_published or self._is_left_to_first(team, led=leads)
        if not leads:
            team.end(outcome, is_over=team.standing.has_ended)
            return True
        is_spared = team.can_be_spared()
        team.end(outcome, is_over=not is_spared)
        # Also where it is the last one: a machine that comes late does the job all the same.
        self.status.release()
        return is_spared if team.has_begun else self.status.has_successor()

    def _is_left_to_first(self, team: Team, *, led: bool) -> bool:
        """Whether machine 1 answers for a team that has lost its destination, or never had it.

        Where it left before, the machine that led does.
        """
        if answers_for_nobody(team.machine):
            return False
        return not (led and team.has_begun) or team.roll.shows_live(1)
