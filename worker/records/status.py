"""status.json: how the job stands; its heartbeat is the lease on the destination."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from worker.records.base import Record
from worker.records.callback import UndeliveredRecord
from worker.records.job import ChoiceRecord, ClipRecord, ForecastRecord, Outcome, State
from worker.records.team import MachineSummary


class LeaseRecord(Record):
    """What a lease needs to know of status.json, whatever version wrote it."""

    owner: str | None = Field(
        default=None, description="Random name of the process that wrote the record."
    )
    beat: int = Field(
        default=0,
        description="Rises with each write: a record whose beat stands still is a dead job's.",
    )
    job_id: str | None = None
    team: str | None = Field(
        default=None,
        description="Where several machines make the video: the array job, or their one --job-id.",
    )
    state: str | None = None
    ended_teams: tuple[str, ...] = Field(
        default=(),
        description="Teams whose jobs ended here before this one began, the last one first: a"
        " machine of theirs that starts late leaves.",
    )

    @property
    def has_ended(self) -> bool:
        """Whether the job has ended for all machines: one that fails alone leaves no owner."""
        return self.state == "ended" and self.owner is not None

    @property
    def ended_teams_by_now(self) -> tuple[str, ...]:
        """Teams whose jobs have ended here, the last one first."""
        last = (self.team,) if self.team and self.has_ended else ()
        return (*last, *self.ended_teams)


class StatusRecord(LeaseRecord):
    """How the job at a destination stands or ended."""

    schema_version: Literal[2] = 2
    job_id: str
    state: State = "running"
    step: str = "start"
    percent: float = 0
    seconds_left: int | None = None
    detail: str = ""
    parts: tuple[str, ...] = Field(
        default=(), description="Where several files are joined: their locations, in order."
    )
    clip: ClipRecord | None = Field(
        default=None, description="What of it is published, where that is not all."
    )
    run: str | None = None
    started_at: str
    updated_at: str
    forecast: ForecastRecord | None = None
    choice: ChoiceRecord | None = Field(
        default=None, description="What all machines of a team encode with."
    )
    alone: str | None = Field(
        default=None, description="Why one machine of the team makes the video without the others."
    )
    machines: tuple[MachineSummary, ...] = Field(
        default=(), description="The machines of a team, as the one that leads it sees them."
    )
    outcome: Outcome | None = None
    callbacks_not_delivered: tuple[UndeliveredRecord, ...] = Field(
        default=(), description="What the receiver of --notify did not accept before the job ended."
    )
