"""The steps of a job that several machines do together: one leads, any of them may take over.

The machine that holds the destination's lease plans, decides and publishes; the others encode what
they claim, and leave when status.json says how the job ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from worker.encode.run import encode_run
from worker.encode.together import TeamEncode
from worker.errors import NoSourceError, TakenError, WorkerError
from worker.hls.encryption import cipher_for
from worker.layout import json_file, plan_key, run_prefix, team_prefix
from worker.outcome import published
from worker.plan.digest import run_name
from worker.plan.forecast import Choice
from worker.plan.plan import Plan
from worker.plan.saved import plan_from_json, plan_to_json
from worker.publish.asked import Asked
from worker.publish.manifest import read_manifest
from worker.records.base import UnreadableRecordError
from worker.records.job import ChoiceRecord, Outcome
from worker.runtime.workspace import Workspace
from worker.source.fetch.mapping import add_byte_maps
from worker.source.fetch.sources import fetch_as_needed
from worker.source.prepare import PlannedSource, write_color_tables
from worker.steps import Steps
from worker.storage.base import ListingDeniedError, PreconditionFailedError
from worker.storage.lease import SilentError, TeammateError
from worker.team.team import Team, TeamEndedError

_WAIT_FOR_PLAN_S = 3.0
_WAIT_S = 1.0
_NO_CONDITIONS = "the store honors no conditional writes, by which machines claim their shares"
# For each span as much is decoded before it: with keyframes so far apart, most of it twice.
_LONGEST_GOP_S = 12.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class TeamSteps:
    """One machine's way through a job that a team does."""

    steps: Steps
    team: Team
    _encode: TeamEncode | None = None
    _fitted: Asked | None = None
    _paths: Sequence[Path] = ()

    def run(self) -> Outcome:
        """Take part until the video is published, or the job has ended otherwise for all.

        Raises:
            WorkerError: this machine cannot go on; the others may.

        """
        self.team.on_leaderless = self._take_the_lead
        with self.steps.open_workspace() as workspace:
            while True:
                take_part = self._lead if self.team.leads else self._follow
                try:
                    outcome = take_part(workspace)
                except TeamEndedError as ended:
                    return ended.outcome
                except SilentError:
                    # This one stood still, and its heartbeat will find what happened meanwhile.
                    self.steps.context.budget.sleep(_WAIT_S)
                    outcome = None
                except TakenError:
                    self._find_who_leads()
                    outcome = None
                if outcome is not None:
                    return outcome

    def _find_who_leads(self) -> None:
        """Follow the machine that leads by now; go on where this one does.

        Another machine took over while this one stood still, or one that stood still has written
        late what the leader alone writes. By now this one's heartbeat may have the lead again.

        Raises:
            TakenError: another job has the destination.

        """
        status = self.steps.status
        with suppress(SilentError):
            try:
                status.check_held()
                status.confirm()
            except TeammateError:
                self.team.follow()
        self.steps.context.budget.sleep(_WAIT_S)

    def _lead(self, workspace: Workspace) -> Outcome | None:
        """Do what the holder of the lease does; None: it is another machine by now."""
        team = self.team
        # Segments may be stored whoever leads; what viewers see, only by the holder of the lease.
        steps = replace(self.steps, store=self.steps.store.guarded(self.steps.status.check_held))
        if not steps.status.is_conditional and team.machine.number != 1:
            steps.status.release()
            team.follow()
            return self._leave(_NO_CONDITIONS)
        asked = steps.find_published()
        if isinstance(asked, Outcome):
            self._delete_leftovers(steps)
            return asked
        with steps.one_source(asked).reported_first():
            if self._encode is None and (outcome := self._begin(workspace, asked, steps)):
                return outcome
            encode = self._encode
            while encode is not None and team.leads:
                team.check()
                if encode.advance() and (encoded := encode.collect(steps.store)):
                    # Texts are read from all of it, and where nothing else shows, a thumbnail.
                    for source in encode.job.sources:
                        source.complete()
                    job = encode.job
                    fitted = self._fitted or steps.fit(asked, job.plan, self._paths)
                    return steps.complete(encoded, job, replace(fitted, previous=asked.previous))
                steps.context.budget.sleep(_WAIT_S)
        return None

    def _delete_leftovers(self, steps: Steps) -> None:
        """Delete what the team has left, where the machine that published died right after that."""
        if (run := steps.result.run) is None:
            return
        try:
            if left := steps.store.list(team_prefix(run, self.team.name)):
                steps.store.delete(left)
        except WorkerError as error:
            log.warning("leftovers_not_deleted", reason=str(error))

    def _begin(self, workspace: Workspace, asked: Asked, guarded: Steps) -> Outcome | None:
        """Plan the run and let the others take part; alone where they cannot, to the outcome.

        `guarded`: the steps that are for the holder of the lease.
        """
        steps = self.steps
        paths = self._paths = steps.fetch(workspace)
        planned = steps.plan(paths, workspace)
        asked = self._fitted = steps.fit(asked, planned.plan, paths)
        name, cipher = steps.name_run(planned.plan)
        sources, used = planned.files, planned.plan.used(paths)
        if reason := self._why_alone(planned, name, is_repaired=planned.paths != used):
            log.warning("team_not_used", reason=reason)
            steps.status.update(alone=reason)
            job = steps.encode_job(name, cipher, planned.plan, sources, workspace)
            return guarded.complete(encode_run(job), job, asked)
        plan = self._share_plan(name, add_byte_maps(planned, used, workspace))
        self.team.begin(name, plan)
        job = steps.encode_job(name, cipher, plan, sources, workspace)
        encode = TeamEncode(job, self.team, on_choice=self._publish_choice)
        encode.resume()
        encode.claim_first()
        self._encode = encode
        return None

    def _why_alone(self, planned: PlannedSource, name: str, *, is_repaired: bool) -> str | None:
        """Return why the other machines cannot take part, if they cannot."""
        if not self.steps.status.is_conditional:
            return _NO_CONDITIONS
        if is_repaired:
            return "its timestamps had to be repaired, in a copy that only this machine has"
        if not planned.plan.rungs:
            return "it is audio alone, which one machine makes"
        gop_s = planned.plan.longest_gop_s
        if gop_s is None or gop_s > _LONGEST_GOP_S:
            return "its keyframes are too far apart to be encoded in parts"
        try:
            self.steps.store.list(run_prefix(name))
        except ListingDeniedError:
            return "the store denies listing, by which machines see what is done"
        return None

    def _share_plan(self, name: str, plan: Plan) -> Plan:
        """Write the plan for the others; that of a machine that led before counts."""
        file = json_file(plan_key(name, self.team.name), plan_to_json(plan))
        try:
            self.steps.store.replace(file, etag=None)
        except PreconditionFailedError:
            if found := self._read_plan(name):
                return found
            self.steps.store.put(file)
        return plan

    def _read_plan(self, name: str) -> Plan | None:
        content = self.steps.store.get(plan_key(name, self.team.name))
        try:
            return plan_from_json(content.data) if content else None
        except UnreadableRecordError as error:
            log.warning("plan_unreadable", run=name, reason=str(error))
            return None

    def _publish_choice(self, choice: Choice) -> None:
        record = ChoiceRecord(preset=choice.preset, rungs=choice.rungs)
        self.steps.status.update(choice=record)

    def _follow(self, workspace: Workspace) -> Outcome | None:
        """Encode what another machine has planned; None: this one leads by now."""
        asked = Asked(request="", previous=read_manifest(self.steps.store))
        with self.steps.one_source(asked).reported_first():
            while not self.team.leads:
                if outcome := self._take_part(workspace):
                    return outcome
        return None

    def _take_part(self, workspace: Workspace) -> Outcome | None:
        """Wait for a plan, or encode what of it can be claimed; the outcome where that is left."""
        team, budget = self.team, self.steps.context.budget
        team.check()
        if self._encode is not None:
            self._encode.advance()
            budget.sleep(_WAIT_S)
            return None
        team.standing.poll()
        record = team.standing.record
        if record is not None and record.alone is not None:
            return self._leave(record.alone)
        if team.standing.has_no_leader:
            self._take_the_lead()
        elif record is None or record.run is None or not self._join(record.run, workspace):
            budget.sleep(_WAIT_FOR_PLAN_S)
        return None

    def _leave(self, reason: str) -> Outcome:
        log.info("team_left", reason=reason)
        return published(f"left to one machine of team {self.team.name}: {reason}")

    def _join(self, name: str, workspace: Workspace) -> bool:
        """Take part in a run that another machine has planned; False: its plan is not there yet."""
        steps = self.steps
        plan = self._read_plan(name)
        if plan is None:
            return False
        cipher = cipher_for(steps.job, steps.source.identity, plan)
        if run_name(steps.source.identity, plan, key_id=cipher.key_id) != name:
            raise NoSourceError(
                f"the source is not the one that run {name} was planned of, or this machine's"
                " options are others; submit the job again"
            )
        steps.take_run(name, plan)
        # Only the bytes of what it claims, where the plan says which those are.
        sources = fetch_as_needed(steps.source, steps.job, workspace)
        self._paths = [source.path for source in sources]
        write_color_tables(plan, workspace.folder)
        self.team.begin(name, plan)
        job = steps.encode_job(name, cipher, plan, plan.used(sources), workspace)
        self._encode = TeamEncode(job, self.team, on_choice=self._publish_choice)
        return True

    def _take_the_lead(self) -> None:
        """Take the lease of a machine that left it or died, unless another one was faster."""
        steps, team = self.steps, self.team
        record = team.standing.record
        if record is not None:
            steps.status.update(run=record.run, choice=record.choice)
        try:
            steps.status.claim(stood_still=team.standing.dead)
        except TeammateError:
            team.standing.forget()
            return
        except TakenError as error:
            # Another job's: also where a heartbeat found it.
            steps.context.budget.stop(error)
            raise
        if not team.lead():
            steps.status.release()
            return
        log.warning("lead_taken", previous_job_id=record.job_id if record else None)
