"""Reads a job's parameters from the command line and the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from pydantic import ValidationError

from worker import __version__
from worker.errors import BadParametersError
from worker.job import (
    AWS_REGION,
    BATCH_JOB_ID,
    ENVIRONMENT_PREFIX,
    Job,
    option_name,
    variable_name,
)

SELF_CHECK = "--self-check"
_MAX_VALUE_CHARS = 4096


def parse_job(arguments: Sequence[str], environment: Mapping[str, str]) -> Job:
    """Read a job from the command line, then from the environment, then from the defaults.

    An empty value counts as not given: Batch cannot leave a `Ref::` parameter out.

    Raises:
        BadParametersError: with every fault of every parameter in one message.
        SystemExit: after `--help`.

    """
    faults: list[str] = []
    given = {f: environment.get(variable_name(f), "") for f in Job.model_fields}
    given["job_id"] = given["job_id"] or environment.get(BATCH_JOB_ID, "")
    given["aws_region"] = given["aws_region"] or environment.get(AWS_REGION, "")
    given |= {f: v for f, v in _parse_arguments(arguments, faults).items() if v is not None}
    values: dict[str, Any] = {f: v for f, v in given.items() if v != ""}
    for field, value in values.items():
        if isinstance(value, str) and value.startswith("Ref::"):
            faults.append(
                f"{option_name(field)}: Batch left {value!r} unfilled; give the job a"
                f" parameter {value.removeprefix('Ref::')!r} or a default in its definition"
            )
        elif isinstance(value, str) and len(value) > _MAX_VALUE_CHARS:
            faults.append(f"{option_name(field)}: longer than {_MAX_VALUE_CHARS} characters")
    try:
        job = Job.model_validate(values)
    except ValidationError as error:
        faults += _faults(error, already=faults)
        job = None
    if faults or job is None:
        raise BadParametersError(
            "; ".join(faults) + " (see `python -m worker --help` or docs/job-parameters.md)"
        )
    return job


def _faults(error: ValidationError, *, already: Sequence[str]) -> list[str]:
    """Say each fault in the words of the command line; no value is echoed, it may be a secret."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        field = str(fault["loc"][0])
        name = option_name(field)
        if any(text.startswith(f"{name}:") for text in already):
            continue
        missing = fault["type"] == "missing"
        text = (
            f"is needed (or {variable_name(field)})"
            if missing
            else fault["msg"].removeprefix("Value error, ")
        )
        faults.append(f"{name}: {text}")
    return list(dict.fromkeys(faults))


def _parse_arguments(arguments: Sequence[str], faults: list[str]) -> dict[str, str | None]:
    parser = build_parser()
    try:
        known, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        faults.append(str(error))
        return {}
    if unknown:
        # A stray value may be a presigned URL: options are named, values only counted.
        names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        faults.append("unknown arguments: " + (" ".join(names) or f"{len(unknown)} stray values"))
    return cast("dict[str, str | None]", vars(known))


def build_parser() -> argparse.ArgumentParser:
    """Make the command-line parser from the fields of `Job`, so that the two cannot differ."""
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Transcode one lecture video to adaptive HLS and publish it.",
        epilog="`python -m worker preview DIR|s3://…` shows what was published (`preview --help`)."
        f" Every option is also an environment variable: {ENVIRONMENT_PREFIX}SOURCE for"
        " --source, and so on; the command line wins. Exit statuses are in docs/operations.md.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        SELF_CHECK,
        action="store_true",
        default=argparse.SUPPRESS,
        help="say what this machine or image holds and whether that is enough; no job is run",
    )
    for name, field in Job.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        choices = get_args(field.annotation) if field.annotation is not bool else ()
        metavar = extra.get("metavar") or "{" + ",".join(map(str, choices)) + "}"
        text = (field.description or "").replace("%", "%%")
        default = None if field.is_required() else field.default
        if default:
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
            text += f" (default: {shown})"
        if field.annotation is bool:
            parser.add_argument(
                option_name(name), dest=name, help=text, nargs="?", const="true", metavar="BOOL"
            )
        else:
            parser.add_argument(option_name(name), dest=name, help=text, metavar=str(metavar))
    return parser
