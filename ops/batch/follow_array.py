"""Shows an array job that is followed: a line for each change of a machine, one for progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ops.aws import Aws
from ops.batch.array import Machine, fetch_children, machines_of
from ops.batch.job import BatchJob
from ops.batch.status import StatusFile, read_status


@dataclass(kw_only=True, slots=True)
class ArrayView:
    """The machines of one array job. `show` takes a text, an event's name and its fields."""

    aws: Aws
    show: Callable[..., None]
    _shown: dict[int, tuple[object, ...]] = field(default_factory=dict)
    _alone: str | None = None

    def update(self, job: BatchJob) -> tuple[StatusFile, Sequence[BatchJob]]:
        """Show what has changed; return what was read."""
        children = fetch_children(self.aws, job)
        status = read_status(self.aws, job)
        record = status.of(job.id)
        for machine in machines_of(children, record):
            self._show_machine(machine)
        if record and record.alone and record.alone != self._alone:
            self._alone = record.alone
            text = f"one machine makes the video without the others: {record.alone}"
            self.show(text, "alone", reason=record.alone)
        return status, children

    def _show_machine(self, machine: Machine) -> None:
        """Show a machine whose state has changed: segments alone would be a line each few seconds.

        The progress of the video counts those of all.
        """
        now = (machine.status, machine.state, machine.exit_status)
        if self._shown.get(machine.number) != now:
            self._shown[machine.number] = now
            self.show(f"  {machine.text}", "machine", **machine.record)
