"""Which of the machines that make one video together this one is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

# Of a child of an array job, from 0; of all of them. Batch gives both.
ARRAY_INDEX, ARRAY_SIZE = "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"
MOST_MACHINES = 64
# Seconds of video that one of them claims at the least; of a short video less.
LEAST_SHARE_S = 60
_MACHINE = re.compile(r"([0-9]{1,5})/([0-9]{1,5})")
# The ID of an array's child: that of the array, and its index.
_CHILD = re.compile(r"(?P<team>.+):(?P<index>[0-9]{1,5})")


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamMachine:
    """One machine of a team: its number, from 1, and how many there are to be."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def answers_for_nobody(machine: TeamMachine | None) -> bool:
    """Whether this process answers for a job that no machine is known to lead.

    Of a team only machine 1 does: what has kept one machine from the job may not keep the others.
    """
    return machine is None or machine.number == 1


def parse_machine(value: object) -> object:
    """Read `K/N`.

    Raises:
        ValueError: with what to write instead.

    """
    if not isinstance(value, str):
        return value
    match = _MACHINE.fullmatch(value)
    machine = TeamMachine(number=int(match[1]), of=int(match[2])) if match else None
    if machine is None or not 1 <= machine.number <= machine.of <= MOST_MACHINES:
        raise ValueError(f"write K/N, such as 1/4; N is {MOST_MACHINES} at most")
    return machine


MachineOption = Annotated[TeamMachine, BeforeValidator(parse_machine)]


def machine_in(environment: Mapping[str, str], *, job_id: str, machines: str) -> str:
    """Return which machine of an array job this is, as `K/N`; empty where it is none.

    `machines` is what the submission says; without it Batch's own size of the array counts.
    """
    child = _CHILD.fullmatch(job_id)
    index = environment.get(ARRAY_INDEX) or (child["index"] if child else "")
    size = machines if machines not in {"", "1"} else environment.get(ARRAY_SIZE, "")
    return f"{int(index) + 1}/{size}" if index.isdigit() and size not in {"", "1"} else ""


def team_of(job_id: str) -> str:
    """Return the name that all machines of a team share: the ID of the array job."""
    child = _CHILD.fullmatch(job_id)
    return child["team"] if child else job_id
