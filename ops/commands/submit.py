"""Submits a job and follows it to its end; or thousands, of a list or below a prefix."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError
from pydantic import TypeAdapter, ValidationError

from ops.aws import Aws, explain
from ops.batch.follow import POLL_S, JobFollower
from ops.batch.job import list_named
from ops.batch.once import Submitter
from ops.batch.request import (
    HIGHEST_PRIORITY,
    MACHINES,
    MEMORY_MIB,
    VCPUS,
    Submission,
    build_request,
    check,
    has_shares,
    name_for,
    parameters_of,
    read_given,
)
from ops.bulk.arguments import (
    add_list_arguments,
    is_list,
    list_options,
    refuse_list_arguments,
)
from ops.bulk.read import VIDEO_PATTERNS
from ops.bulk.run import submit_list
from ops.console import say, show_json, warn
from ops.errors import OK, DeniedError, UsageError
from ops.machines.arguments import add_machines_arguments, with_machines
from ops.names import JOB_DEFINITION, QUEUE, STACK
from ops.options import submitted_options
from ops.stack.buckets import find_buckets
from worker.config.job import Job
from worker.config.option import GivenBy, join_values, options_of, variable_name
from worker.config.sources import join_sources, show_sources

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")
_MACHINES = variable_name(MACHINES)
_BOOLEAN = TypeAdapter(bool)
_SECRETS = {o.variable for o in options_of(Job) if o.given_by is GivenBy.SECRETS}
_NO_DEFAULT_SHOWN = frozenset({"", "false"})
_HAS_ENDED = frozenset({"SUCCEEDED", "FAILED"})
EPILOG = """\
The exit status is the job's (docs/operations.md); 130 after Ctrl-C, which does not end the job;
70 where the job failed without an exit status. Of a list: 0 where all are published, 65 where some
were refused, 70 where some failed, 64 where rows could not be used. Examples:

  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk
  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk --ladder 720,480 --detach
  scripts/submit s3://uploads/am.mp4 s3://uploads/pm.mp4 s3://videos/hls/day   # two halves, joined
  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk --from 00:02:10 --to 01:31:05.5
  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk --machines 8
  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk --machines auto --within 20m --length 3h
  scripts/submit --list term.csv --report-file term-report.csv
  scripts/submit --prefix s3://uploads/2026/ --destination 's3://videos/hls/{path}'
"""


_USAGE = """\
scripts/submit SOURCE [SOURCE ...] DESTINATION [OPTION ...]
       scripts/submit --list FILE [OPTION ...]
       scripts/submit --prefix S3_PREFIX --destination TEMPLATE [OPTION ...]"""


def add_arguments(parser: argparse.ArgumentParser, job: type[Job] = Job) -> None:
    """Add this command's arguments, and the worker's options that a submission may give."""
    parser.usage = _USAGE
    parser.add_argument(
        "locations",
        nargs="*",
        metavar="LOCATION",
        help="SOURCE: s3://bucket/key or a presigned https URL; several are the parts of one"
        " lecture, which are joined in this order; the last location is DESTINATION:"
        " s3://bucket/prefix",
    )
    parser.add_argument("--name", help="job name in Batch; default: from the destination")
    parser.add_argument("--detach", action="store_true", help="print the job's id and end")
    parser.add_argument("--queue", default=QUEUE, help="(default: %(default)s)")
    parser.add_argument("--job-definition", default=JOB_DEFINITION, help="(default: %(default)s)")
    parser.add_argument(
        "--stack", default=STACK, help="whose buckets jobs may use (default: %(default)s)"
    )
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
        "--vcpus", metavar="N", help="vCPUs of the job; default: as the job definition has it"
    )
    parser.add_argument("--memory", metavar="MIB", help="memory of the job, in MiB; as --vcpus")
    parser.add_argument(
        "--poll", type=float, default=POLL_S, metavar="SECONDS", help="(default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="JSON lines, for other programs")
    add_machines_arguments(parser)
    add_list_arguments(parser)
    _add_options(parser, job)


def _add_options(parser: argparse.ArgumentParser, job: type[Job]) -> None:
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


def read_submission(arguments: argparse.Namespace) -> Submission:
    """Read what is submitted; without locations, what holds for each row of a list.

    Raises:
        UsageError: a value cannot be used.

    """
    *sources, destination = arguments.locations or [""]
    try:
        source = join_sources(sources)
    except ValueError as error:
        raise UsageError(f"SOURCE {error}") from error
    return Submission(
        source=source,
        destination=destination,
        options=given_options(arguments),
        academy=arguments.academy,
        priority=arguments.priority,
        vcpus=read_given("--vcpus", arguments.vcpus, VCPUS),
        memory_mib=read_given("--memory", arguments.memory, MEMORY_MIB),
    )


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Submit, and follow unless detached."""
    submission = read_submission(arguments)
    if is_list(arguments):
        options = list_options(
            arguments,
            submission,
            environment=_environment(arguments.environment),
            buckets=find_buckets(aws, arguments.stack),
        )
        return submit_list(aws, options)
    if not submission.source:
        raise UsageError("give SOURCE and DESTINATION, or --list, or --prefix (see --help)")
    refuse_list_arguments(arguments)
    return _submit_one(aws, arguments, with_machines(arguments, aws, submission))


def _submit_one(aws: Aws, arguments: argparse.Namespace, submission: Submission) -> int:
    job = check(submission)
    known = parameters_of(aws, arguments.job_definition) if submission.options else frozenset()
    request = build_request(
        submission,
        known=known,
        environment=_environment(arguments.environment),
        name=arguments.name or name_for(submission.destination),
        queue=arguments.queue,
        definition=arguments.job_definition,
        has_shares=has_shares(aws, arguments.queue),
    )
    name = request["jobName"]
    if not _NAME.match(name):
        raise UsageError(f"--name {name!r}: letters, digits, - and _, 128 at most")
    _warn_of(aws, arguments.stack, job)
    there = _list_same(aws, arguments.queue, name)
    machines = f", {submission.machines} machines" if submission.machines > 1 else ""
    sources = show_sources(job.sources)
    if arguments.dry_run:
        say(f"would submit {name}: {sources} -> {job.destination}{machines}")
        return OK

    def find() -> str | None:
        new = (each["jobId"] for each in list_named(aws, arguments.queue, name))
        return next((job_id for job_id in new if job_id not in there), None)

    job_id = Submitter(aws=aws).submit(request, find)
    locations = {"source": sources, "destination": str(job.destination)}
    if arguments.json:
        size = {"machines": submission.machines} if submission.machines > 1 else {}
        show_json({"event": "submitted", "job_id": job_id, "name": name, **locations, **size})
    elif arguments.detach:
        say(job_id)
    else:
        say(f"job {job_id} ({name}): {sources} -> {job.destination}{machines}")
    if arguments.detach:
        return OK
    return JobFollower(
        aws=aws, job_id=job_id, poll_s=arguments.poll, as_json=arguments.json
    ).follow()


def _warn_of(aws: Aws, stack: str, job: Job) -> None:
    name = str(job.destination).lower()
    if any(fnmatchcase(name, pattern) for pattern in VIDEO_PATTERNS):
        warn(f"warning: {job.destination}, the last location, is where the video goes: no part")
    if buckets := find_buckets(aws, stack):
        for problem in buckets.outside(job.sources, job.destination):
            warn(f"warning: {problem}")


def _list_same(aws: Aws, queue: str, name: str) -> set[str]:
    """Return the jobs of this name; warn of one that has not ended."""
    try:
        jobs = list_named(aws, queue, name)
    except ClientError as error:
        if isinstance(explain(error), DeniedError):
            # Whoever submits need not be allowed to list jobs.
            return set()
        raise
    for job in jobs:
        if job.get("status") not in _HAS_ENDED:
            warn(
                f"warning: job {job['jobId']} ({job.get('status')}) has this name already: of two"
                " jobs for one destination one works, and the other ends with 75"
            )
    return {job["jobId"] for job in jobs}


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
    if _MACHINES in given:
        # An array job has as many children, which Batch must know.
        raise UsageError(f"--environment {_MACHINES}: give --machines")
    if secrets := sorted(_SECRETS & given.keys()):
        raise UsageError(
            f"--environment {secrets[0]}: everyone who may see the job would see it; name its"
            " secret in a parameter of the template instead (docs/deployment.md)"
        )
    return given
