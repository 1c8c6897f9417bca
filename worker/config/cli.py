"""Reads a job's parameters from the command line and the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, cast, get_args

from pydantic import ValidationError

from worker import __version__
from worker.config.callback_options import CallbackOptions
from worker.config.job import AWS_REGION, BATCH_JOB_ID, Job
from worker.config.option import (
    ENVIRONMENT_PREFIX,
    GivenBy,
    join_values,
    option_name,
    options_of,
    variable_name,
)
from worker.config.sources import SOURCE, join_sources, split_sources
from worker.config.team import (
    TeamMachine,
    answers_for_nobody,
    machine_in,
    parse_machine,
    team_of,
)
from worker.config.values import SandboxMode
from worker.errors import BadParametersError

SELF_CHECK = "--self-check"
_MAX_VALUE_CHARS = 4096
# One is of no use without the other.
_PAIRS = tuple((f"{of}s3_access_key_id", f"{of}s3_secret_access_key") for of in ("", "source_"))
# As a message names each option: one that only the environment gives has no other name.
_NAMES = {
    option.field: option.variable if option.given_by is GivenBy.SECRETS else option.name
    for option in options_of(Job)
}
# pydantic's messages of these types are written for programmers.
_INSTEAD = {
    "bool_parsing": "write true or false",
    "float_parsing": "write a number",
    "int_parsing": "write a whole number",
}


def parse_job(
    arguments: Sequence[str], environment: Mapping[str, str], *, has_secrets: bool = True
) -> Job:
    """Read a job from the command line, then from the environment, then from the defaults.

    An empty value counts as not given: Batch cannot leave a `Ref::` parameter out. `has_secrets`:
    the environment is the job's own; a submission's lacks the secrets of its job definition.

    Raises:
        BadParametersError: with every fault of every parameter in one message.
        SystemExit: after `--help`.

    """
    faults: list[str] = []
    values = _values(arguments, environment, faults)
    faults += [*_unusable(values), *_unpaired(values)]
    if has_secrets and "notify" in values and "notify_secret" not in values:
        faults.append(
            f"{variable_name('notify_secret')}: is needed where {option_name('notify')} is given;"
            " it signs the callbacks"
        )
    try:
        job = Job.model_validate(values)
    except ValidationError as error:
        faults += _faults(error, already=faults)
        job = None
    if job is not None:
        faults += _unusable_encryption(job, has_secrets=has_secrets)
    if faults or job is None:
        raise _refusal(faults)
    return job


def parse_callback_options(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> CallbackOptions | None:
    """Read where to report a job whose parameters cannot be used.

    None where that is unknown, or is left to machine 1 of a team.
    """
    values = _values(arguments, environment, [])
    try:
        options = CallbackOptions.model_validate(values)
    except ValidationError:
        return None
    machine: object = None
    with suppress(ValueError):
        machine = parse_machine(values.get("machine"))
    if not isinstance(machine, TeamMachine):
        return options
    named = options.model_copy(update={"job_id": team_of(options.job_id)})
    return named if answers_for_nobody(machine) else None


def _values(
    arguments: Sequence[str], environment: Mapping[str, str], faults: list[str]
) -> dict[str, Any]:
    """Return what is given, by field."""
    given = {option.field: environment.get(option.variable, "") for option in options_of(Job)}
    given["job_id"] = given["job_id"] or environment.get(BATCH_JOB_ID, "")
    given["aws_region"] = given["aws_region"] or environment.get(AWS_REGION, "")
    given |= {f: v for f, v in _parse_arguments(arguments, faults).items() if v is not None}
    if given["machine"] and not given["job_id"]:
        faults.append("--machine: needs --job-id, the same one for all machines of the team")
    given["machine"] = given["machine"] or machine_in(
        environment, job_id=given["job_id"], machines=given["machines"]
    )
    return {f: v for f, v in given.items() if v != ""}


def parse_programs(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, str, SandboxMode]:
    """Read which FFmpeg, ffprobe and sandbox `--self-check` is about.

    Raises:
        BadParametersError: an argument is unknown, or a value.

    """
    faults: list[str] = []
    given = _parse_arguments(arguments, faults)
    ffmpeg, ffprobe, mode = (
        given.get(name) or environment.get(variable_name(name)) or Job.model_fields[name].default
        for name in ("ffmpeg", "ffprobe", "sandbox")
    )
    if mode not in (modes := get_args(SandboxMode)):
        faults.append(f"--sandbox: write {', '.join(modes)}")
    if faults:
        raise _refusal(faults)
    return ffmpeg, ffprobe, cast("SandboxMode", mode)


def _refusal(faults: Sequence[str]) -> BadParametersError:
    return BadParametersError("; ".join(faults) + " (see --help, or docs/job-parameters.md)")


def _unusable(values: Mapping[str, Any]) -> list[str]:
    faults = []
    for field, value in values.items():
        for text in _each(field, value) if isinstance(value, str) else ():
            if text.startswith("Ref::"):
                faults.append(
                    f"{_NAMES[field]}: Batch left {text!r} unfilled; give the job a"
                    f" parameter {text.removeprefix('Ref::')!r} or a default in its definition"
                )
            elif len(text) > _MAX_VALUE_CHARS:
                faults.append(f"{_NAMES[field]}: longer than {_MAX_VALUE_CHARS} characters")
    return faults


def _each(field: str, text: str) -> Sequence[str]:
    try:
        return split_sources(text) if field == SOURCE else text.split("\n")
    except ValueError:
        return [text]


def _unpaired(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{variable_name(missing)}: is needed where {variable_name(given)} is given"
        for pair in _PAIRS
        for given, missing in (pair, pair[::-1])
        if given in values and missing not in values
    ]


def _unusable_encryption(job: Job, *, has_secrets: bool) -> list[str]:
    """Describe what encryption lacks, or what is given without it: that video would be clear."""
    name, uri = option_name("encrypt"), option_name("key_uri")
    if not job.encrypt:
        return [f"{uri}: is of no use without {name}, which encrypts"] if job.key_uri else []
    variable = variable_name("key_secret")
    lacks = {
        f"{uri} (where players request the key)": job.key_uri is None,
        f"{variable} in its environment": job.key_secret is None and has_secrets,
    }
    missing = [what for what, is_missing in lacks.items() if is_missing]
    faults = [f"{name}: needs {' and '.join(missing)}"] if missing else []
    if job.download:
        faults.append(
            f"{option_name('download')}: makes a clear file of what {name} encrypts; leave out one"
        )
    return faults


def _faults(error: ValidationError, *, already: Sequence[str]) -> list[str]:
    """Describe each fault by its option; no value is echoed, it may be a secret."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        field = str(fault["loc"][0])
        name = _NAMES[field]
        if any(text.startswith(f"{name}:") for text in already):
            continue
        needed = f"is needed (or {variable_name(field)})" if fault["type"] == "missing" else None
        text = needed or _INSTEAD.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
        faults.append(f"{name}: {text}")
    return list(dict.fromkeys(faults))


def _parse_arguments(arguments: Sequence[str], faults: list[str]) -> dict[str, str | None]:
    try:
        known, unknown = _parser().parse_known_args(arguments)
    except argparse.ArgumentError as error:
        faults.append(str(error))
        return {}
    if unknown:
        # A stray value may be a presigned URL: options are named, values only counted.
        names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        faults.append("unknown arguments: " + (" ".join(names) or f"{len(unknown)} stray values"))
    if arguments and not arguments[0].startswith("-"):
        faults.append("the first word is no option; the commands are preview and schema")
    return {field: _as_text(field, value, faults) for field, value in vars(known).items()}


def _as_text(field: str, value: str | list[str] | None, faults: list[str]) -> str | None:
    if not isinstance(value, list):
        return value
    try:
        return join_sources(value) if field == SOURCE else join_values(value)
    except ValueError as error:
        faults.append(f"{_NAMES[field]}: {error}")
        return None


@cache
def _parser() -> argparse.ArgumentParser:
    # Made once: whoever submits thousands of jobs checks each.
    return build_parser()


def build_parser(job: type[Job] = Job) -> argparse.ArgumentParser:
    """Make the command-line parser from the fields of `Job`, so that the two cannot differ."""
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Transcode one lecture video to adaptive HLS and publish it.",
        epilog="`python -m worker preview DIR|s3://…` shows what was published (`preview --help`);"
        " `python -m worker schema NAME` prints the JSON Schema of a record (docs/schemas)."
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
        help="show what this machine or image holds and whether that is enough; no job is run",
    )
    for option in options_of(job):
        if option.given_by is GivenBy.SECRETS:
            continue
        text = option.help.replace("%", "%%")
        if option.default not in {"", "required", "false"}:
            text += f" (default: {option.default})"
        form: dict[str, Any] = {"nargs": "?", "const": "true"} if option.is_flag else {}
        if option.is_repeatable:
            form = {"action": "append"}
        parser.add_argument(
            option.name, dest=option.field, help=text, metavar=option.metavar, **form
        )
    return parser
