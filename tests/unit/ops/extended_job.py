"""A job with more options than the worker has: a parameter, a variable, a repeatable one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from worker.config.job import Job
from worker.config.option import parameter, split_values, variable


class ExtendedJob(Job):
    """Whatever lists options must list these too."""

    grain_s: float = parameter(2, changes_output=True, metavar="G", description="a new parameter")
    watermark: bool = variable(default=False, changes_output=True, description="a new variable")
    note: Annotated[tuple[str, ...], BeforeValidator(split_values)] = variable(
        (), changes_output=False, metavar="N", description="a repeatable one"
    )
