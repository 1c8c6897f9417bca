"""The options that a submission may give, derived from the fields of the worker's `Job`.

scripts/submit, SubmitJob's arguments, the job definition's command and parameters,
and the messages of the former queue are all made of these: a field that is
added to `Job` with `parameter()` or `variable()` appears in each of them. A test compares
scripts/aws/template.yaml, which is written by hand.
"""

from __future__ import annotations

from worker.config.job import Job
from worker.config.option import GivenBy, Option, options_of

# Not optional: arguments of their own in each command and message.
LOCATIONS = ("source", "destination")


def submitted_options(job: type[Job] = Job) -> tuple[Option, ...]:
    """Return what a submission may give beside source and destination, in the order of `job`."""
    return tuple(
        option
        for option in options_of(job)
        if option.given_by in (GivenBy.PARAMETER, GivenBy.VARIABLE)
        and option.field not in LOCATIONS
    )


def container_command(job: type[Job] = Job) -> list[str]:
    """Return the job definition's command: each of its parameters as `--name Ref::name`."""
    return [
        word for option in _parameters(job) for word in (option.name, f"Ref::{option.parameter}")
    ]


def definition_parameters(job: type[Job] = Job) -> dict[str, str]:
    """Return the job definition's parameters: the worker's own defaults, so that none is empty.

    Source and destination have no default: the worker refuses a job that lacks one (status 64).
    """
    return {
        option.parameter: option.default
        for option in _parameters(job)
        if not job.model_fields[option.field].is_required()
    }


def _parameters(job: type[Job]) -> list[Option]:
    return [option for option in options_of(job) if option.given_by is GivenBy.PARAMETER]
