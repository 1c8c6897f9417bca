"""What the machines of a team record below the run that they make together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from worker.records.base import Record
from worker.records.job import Outcome

MachineState = Literal["encoding", "waiting", "ended", "lost"]


class MachineRecord(Record):
    """One machine's heartbeat: `machines/<owner>.json`, written by it alone.

    One whose beat stands still is a dead machine's, and what it has claimed may be taken over.
    """

    schema_version: Literal[1] = 1
    owner: str
    team: str
    number: int
    job_id: str
    beat: int = 0
    state: MachineState = "encoding"
    segments: int = 0
    frames: Mapping[str, int] = Field(default_factory=dict)
    missing_frames: int = 0
    outcome: Outcome | None = None


class ClaimRecord(Record):
    """Who makes a share of a run: `claims/<share>.json`. Done is what the store holds."""

    schema_version: Literal[1] = 1
    owner: str
    number: int


class MachineSummary(Record):
    """One machine of the team, as status.json lists it."""

    number: int = Field(description="From 1: that of the array's child, which counts from 0.")
    job_id: str
    state: MachineState = Field(
        description="encoding; waiting for others; ended; lost: its heartbeat stands still."
    )
    segments: int = Field(description="Segments that it has stored.")
    exit_status: int | None = Field(default=None, description="Of a machine that has ended.")
