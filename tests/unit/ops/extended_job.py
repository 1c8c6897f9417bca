"""A job with two more options than the worker has: one parameter, one variable."""

from __future__ import annotations

from worker.config.job import Job
from worker.config.option import parameter, variable


class ExtendedJob(Job):
    """Whatever lists options must list these too."""

    grain_s: float = parameter(2, changes_output=True, metavar="G", description="a new parameter")
    watermark: bool = variable(default=False, changes_output=True, description="a new variable")
