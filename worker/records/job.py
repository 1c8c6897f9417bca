"""What a job reports of itself in manifest.json and status.json."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from worker.errors import Resubmit, SourceFault
from worker.records.base import Record


class ReplanReason(StrEnum):
    """Why a forecast changed the plan; `worker.messages` has a sentence for each."""

    TIME_FOR_SLOWER_PRESET = "time_for_slower_preset"
    TOO_LATE_AT_THIS_PRESET = "too_late_at_this_preset"
    JUST_IN_TIME_AT_FASTEST = "just_in_time_at_fastest"
    TOO_LATE_AT_FASTEST = "too_late_at_fastest"


class ChoiceRecord(Record):
    """What segments are made with: the preset of the top rung, and the rungs."""

    preset: str
    rungs: tuple[str, ...]


class DecisionRecord(Record):
    """A change of plan, `at_s` seconds into the job."""

    at_s: float
    before: ChoiceRecord
    after: ChoiceRecord
    reason: ReplanReason
    needed_s: float = Field(description="Seconds that the plan before would still have taken.")
    remaining_s: float = Field(description="Seconds that were left until the deadline.")


class ForecastRecord(Record):
    """The current prediction of an encode."""

    preset: str
    rungs: tuple[str, ...]
    needed_s: float
    remaining_s: float
    decisions: tuple[DecisionRecord, ...] = ()


class WarningRecord(Record):
    """A warning that the job logged."""

    event: str
    detail: str = ""


class JobRecord(Record):
    """The job that published: its pace, its changes of plan, its warnings."""

    encode_s: float | None = None
    speed: float | None = Field(default=None, description="Encoding speed in times real time.")
    segments: int | None = None
    segments_resumed: int | None = None
    progress: tuple[tuple[float, float], ...] = Field(
        default=(),
        description="Pairs of seconds of the job and seconds of video that were encoded by then.",
    )
    decisions: tuple[DecisionRecord, ...] = ()
    warnings: tuple[WarningRecord, ...] = ()


class ClipRecord(Record):
    """The stretch of the upload that is published, as `--from` and `--to` gave it."""

    start_s: float = Field(description="On the timeline of all parts of the upload.")
    end_s: float | None = Field(default=None, description="None: at the end of the last part.")


class MessageRecord(Record):
    """One sentence in English and Korean."""

    en: str
    ko: str


class Outcome(Record):
    """How a job ended: what the exit status, the last log line and status.json all say."""

    exit_status: int
    name: str
    code: SourceFault | None = Field(
        default=None, description="With exit status 65: what is wrong with the source."
    )
    message: str = Field(description="For operators: what failed, on what, what to do next.")
    resubmit: Resubmit = Resubmit.NOT_NEEDED
    teacher_message: MessageRecord | None = Field(
        default=None,
        description="With exit status 65: the sentence for whoever uploaded the video.",
    )


State = Literal["running", "ended"]
