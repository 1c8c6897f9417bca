"""Submits a job and follows it to its end."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from ops.aws import Aws
from ops.batch.follow import POLL_S, Watch
from ops.batch.request import build_request, check, name_for, parameters_of
from ops.console import say
from ops.errors import OK, UsageError
from ops.names import JOB_DEFINITION, PARAMETERS, QUEUE, VARIABLES
from worker.config.job import Job
from worker.config.option import option_name

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")
_OPTIONS = tuple(f for f in PARAMETERS if f not in {"source", "destination"}) + VARIABLES

EPILOG = """\
The exit status is the job's (docs/operations.md); 130 after Ctrl-C, which does not end the job;
70 where nobody knows it. Examples:

  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk
  scripts/submit s3://uploads/talk.mp4 s3://videos/hls/talk --ladder 720,480 --detach
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the worker's own options beside those of this command."""
    parser.add_argument("source", metavar="SOURCE", help="s3://bucket/key or a presigned https URL")
    parser.add_argument("destination", metavar="DESTINATION", help="s3://bucket/prefix")
    parser.add_argument("--name", help="job name in Batch; default: from the destination")
    parser.add_argument("--detach", action="store_true", help="print the job's id and end")
    parser.add_argument("--queue", default=QUEUE, help="(default: %(default)s)")
    parser.add_argument("--job-definition", default=JOB_DEFINITION, help="(default: %(default)s)")
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
    group = parser.add_argument_group("the worker's options (docs/job-parameters.md)")
    for field in _OPTIONS:
        text = (Job.model_fields[field].description or "").replace("%", "%%")
        name = option_name(field)
        group.add_argument(name, dest=f"job_{field}", metavar="VALUE", help=text)


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Submit, and follow unless detached."""
    options = {f: v for f in _OPTIONS if (v := getattr(arguments, f"job_{f}")) is not None}
    job = check(arguments.source, arguments.destination, options)
    known = parameters_of(aws, arguments.job_definition) if options else frozenset()
    request = build_request(
        source=arguments.source,
        destination=arguments.destination,
        options=options,
        known=known,
        environment=_environment(arguments.environment),
        name=arguments.name or name_for(arguments.destination),
        queue=arguments.queue,
        definition=arguments.job_definition,
    )
    if not _NAME.match(request["jobName"]):
        raise UsageError(f"--name {request['jobName']!r}: letters, digits, - and _, 128 at most")
    job_id = aws.batch.submit_job(**request)["jobId"]
    if arguments.detach:
        say(job_id)
        return OK
    say(f"job {job_id} ({request['jobName']}): {job.source} -> {job.destination}")
    return Watch(aws=aws, job_id=job_id, poll_s=arguments.poll).follow()


def _environment(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if faulty := [name for name, equals, _ in pairs if not name or not equals]:
        raise UsageError(f"--environment {faulty[0]}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}
