"""Submits a job and follows it to its end."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ops.aws import Aws
from ops.batch.follow import POLL_S, JobFollower
from ops.batch.request import (
    HIGHEST_PRIORITY,
    Submission,
    build_request,
    check,
    has_shares,
    name_for,
    parameters_of,
)
from ops.console import say
from ops.errors import OK, UsageError
from ops.names import JOB_DEFINITION, QUEUE
from ops.options import submitted_options
from worker.config.job import Job
from worker.config.option import GivenBy, join_values, options_of

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")
_BOOLEAN = TypeAdapter(bool)
_SECRETS = {o.variable for o in options_of(Job) if o.given_by is GivenBy.SECRETS}
_NO_DEFAULT_SHOWN = frozenset({"", "false"})

EPILOG = """\
The exit status is the job's (docs/operations.md); 130 after Ctrl-C, which does not end the job;
70 where the job failed without an exit status. Examples:

  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk
  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk --ladder 720,480 --detach
"""


def add_arguments(parser: argparse.ArgumentParser, job: type[Job] = Job) -> None:
    """Add this command's arguments, and the worker's options that a submission may give."""
    parser.add_argument("source", metavar="SOURCE", help="s3://bucket/key or a presigned https URL")
    parser.add_argument("destination", metavar="DESTINATION", help="s3://bucket/prefix")
    parser.add_argument("--name", help="job name in Batch; default: from the destination")
    parser.add_argument("--detach", action="store_true", help="print the job's id and end")
    parser.add_argument("--queue", default=QUEUE, help="(default: %(default)s)")
    parser.add_argument("--job-definition", default=JOB_DEFINITION, help="(default: %(default)s)")
    parser.add_argument(
        "--academy",
        metavar="ID",
        help="whose share of the queue the job counts for: letters and digits (default: the share"
        " of jobs that name none)",
    )
    parser.add_argument(
        "--priority",
        type=int,
        metavar="N",
        help=f"0 to {HIGHEST_PRIORITY}: which of an academy's jobs start first, the higher ones"
        " (default: the job definition's)",
    )
    parser.add_argument(
        "--environment",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="environment variable of the container; everyone who may see the job sees it",
    )
    parser.add_argument(
        "--poll", type=float, default=POLL_S, metavar="SECONDS", help="(default: %(default)s)"
    )
    group = parser.add_argument_group(
        "the worker's options (docs/job-parameters.md)",
        "one that is not given is as the job definition has it, or else the worker's default",
    )
    for option in submitted_options(job):
        text = option.help.replace("%", "%%")
        if option.default not in _NO_DEFAULT_SHOWN:
            text += f" (default: {option.default})"
        form: dict[str, Any] = (
            {"nargs": "?", "const": "true", "type": _boolean} if option.is_flag else {}
        )
        if option.is_repeatable:
            form = {"action": "append"}
        group.add_argument(
            option.name, dest=_dest(option.field), metavar=option.metavar, help=text, **form
        )


def given_options(arguments: argparse.Namespace, job: type[Job] = Job) -> dict[str, str]:
    """Return the worker's options that were given, by the names of `job`'s fields."""
    return {
        option.field: join_values(value) if option.is_repeatable else value
        for option in submitted_options(job)
        if (value := getattr(arguments, _dest(option.field))) is not None
    }


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Submit, and follow unless detached."""
    submission = Submission(
        source=arguments.source,
        destination=arguments.destination,
        options=given_options(arguments),
        academy=arguments.academy,
        priority=arguments.priority,
    )
    job = check(submission)
    known = parameters_of(aws, arguments.job_definition) if submission.options else frozenset()
    request = build_request(
        submission,
        known=known,
        environment=_environment(arguments.environment),
        name=arguments.name or name_for(arguments.destination),
        queue=arguments.queue,
        definition=arguments.job_definition,
        has_shares=has_shares(aws, arguments.queue),
    )
    if not _NAME.match(request["jobName"]):
        raise UsageError(f"--name {request['jobName']!r}: letters, digits, - and _, 128 at most")
    job_id = aws.batch.submit_job(**request)["jobId"]
    if arguments.detach:
        say(job_id)
        return OK
    say(f"job {job_id} ({request['jobName']}): {job.source} -> {job.destination}")
    return JobFollower(aws=aws, job_id=job_id, poll_s=arguments.poll).follow()


def _dest(field: str) -> str:
    return f"job_{field}"


def _boolean(value: str) -> str:
    """Refuse what is no boolean: the SOURCE behind a bare `--report` would be taken for one."""
    try:
        _BOOLEAN.validate_python(value)
    except ValidationError:
        raise argparse.ArgumentTypeError(
            "takes true or false; put it behind DESTINATION, or write =true"
        ) from None
    return value


def _environment(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if faulty := [name for name, equals, _ in pairs if not name or not equals]:
        raise UsageError(f"--environment {faulty[0]}: write NAME=VALUE")
    given = {name: value for name, _, value in pairs}
    if secrets := sorted(_SECRETS & given.keys()):
        raise UsageError(
            f"--environment {secrets[0]}: everyone who may see the job would see it; name its"
            " secret in a parameter of the template instead (docs/deployment.md)"
        )
    return given
