"""Jobs of a queue as a list has them: a row each, an array job of many machines too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.aws import Aws
from ops.batch.array import count_machines
from ops.batch.describe import clock
from ops.batch.job import FAILED, fetch_details, moment
from ops.console import duration

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import ArrayPropertiesDetailTypeDef

LIST_HEADING = ("created (UTC)", "status", "exit", "ran", "name", "id", "reason")


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedJob:
    """A job of ListJobs; `machines`: of an array job, how many there are in each status."""

    summary: Mapping[str, Any]
    size: int | None = None
    machines: Mapping[str, int] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The row for a program; None is unknown."""
        created = moment(self.summary.get("createdAt"))
        return {
            "job_id": self.summary["jobId"],
            "name": self.summary["jobName"],
            "status": self.summary["status"],
            "created": created and created.isoformat(),
            "seconds": self._ran_s,
            "exit_code": self._exit_code,
            "reason": self.summary.get("statusReason"),
            "machines": self.size,
            "machines_by_status": self.machines,
        }

    @property
    def cells(self) -> tuple[str, ...]:
        """The row for a person, as `LIST_HEADING` has it."""
        exit_code, ran_s = self._exit_code, self._ran_s
        return (
            clock(moment(self.summary.get("createdAt"))),
            self.summary["status"],
            "" if exit_code is None else str(exit_code),
            "" if ran_s is None else duration(ran_s),
            self.summary["jobName"],
            self.summary["jobId"],
            self._reason,
        )

    @property
    def _exit_code(self) -> int | None:
        code: int | None = (self.summary.get("container") or {}).get("exitCode")
        return code

    @property
    def _ran_s(self) -> float | None:
        started, stopped = (moment(self.summary.get(n)) for n in ("startedAt", "stoppedAt"))
        return (stopped - started).total_seconds() if started and stopped else None

    @property
    def _reason(self) -> str:
        reason: str = self.summary.get("statusReason", "")
        if self.size is None:
            return reason
        parts = [count_machines(self.size, self.machines or {})]
        if self.summary["status"] == FAILED:
            # One that was killed is enough for Batch.
            parts.append("the video may be published: show the job by its ID")
        return "; ".join(filter(None, (*parts, reason)))


def read_rows(aws: Aws, summaries: Sequence[Mapping[str, Any]]) -> list[ListedJob]:
    """Return jobs with the machines of those that are array jobs, which are asked for at once."""
    ids = [each["jobId"] for each in summaries if each.get("arrayProperties")]
    details = fetch_details(aws, ids)
    arrays = {job_id: detail.get("arrayProperties", {}) for job_id, detail in details.items()}
    return [_listed(each, arrays.get(each["jobId"])) for each in summaries]


def _listed(summary: Mapping[str, Any], array: ArrayPropertiesDetailTypeDef | None) -> ListedJob:
    if array is None:
        return ListedJob(summary=summary)
    machines = {status: count for status, count in array.get("statusSummary", {}).items() if count}
    return ListedJob(summary=summary, size=array.get("size"), machines=machines)
