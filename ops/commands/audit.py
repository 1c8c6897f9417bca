"""Audits published videos: what is damaged, what is waste; submits damaged ones again."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ops.audit.finding import Result, Verdict
from ops.audit.judge import Judge
from ops.audit.listing import LocalRoot, Root, S3Root
from ops.audit.pace import Pace
from ops.audit.run import Audit
from ops.audit.show import show_findings, show_summary, summarize
from ops.audit.state import State
from ops.aws import Aws
from ops.batch.request import Submission, check
from ops.console import clean, progress, say, show_json
from ops.errors import (
    DAMAGE,
    OK,
    DeniedError,
    LaterError,
    NotThereError,
    UnreachableError,
    UsageError,
)
from ops.names import JOB_DEFINITION, QUEUE
from ops.options import submitted_options
from ops.repair.plan import Repair, plan_repair
from ops.repair.submit import RepairSubmitter
from worker.config.location import HttpsLocation, LocalLocation, parse_location
from worker.config.option import join_values, variable_name
from worker.config.values import keys_in
from worker.errors import StorageUnavailableError, WorkerError

_REQUESTS_PER_SECOND = 100.0
_MOST_THREADS = 64
_THREADS = 8

EPILOG = f"""\
Nothing is written to the store. The exit status is 0 where no video is damaged, and 1 where one
is, also where --repair submitted it. Findings: docs/operations.md. A store other than AWS is as
for a job: {variable_name("s3_endpoint")}, {variable_name("s3_access_key_id")} and
{variable_name("s3_secret_access_key")} in the environment. Examples:

  scripts/audit s3://videos/hls --state audit.jsonl    again with the same file: only what changed
  scripts/audit s3://videos/hls/talk --deep            reads every byte of one video
  scripts/audit s3://videos/hls --json > audit.json    a line for each video, then one of figures
  scripts/audit s3://videos/hls --repair --dry-run     what would be submitted again
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is audited, how, and what is done about damage."""
    parser.add_argument(
        "location", metavar="s3://…|DIR", help="a bucket, a prefix, or a folder of this machine"
    )
    parser.add_argument(
        "--deep", action="store_true", help="download every object and compare its checksum"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="write results there as they come; an audit with the same file judges only what has"
        " changed since",
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines instead of a table")
    parser.add_argument(
        "--threads",
        type=int,
        default=_THREADS,
        metavar="N",
        help="videos at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--requests-per-second",
        type=float,
        default=_REQUESTS_PER_SECOND,
        metavar="N",
        help="requests to the store at most (default: %(default)g)",
    )
    for name in ("endpoint", "region"):
        variable = variable_name(f"s3_{name}")
        parser.add_argument(
            f"--s3-{name}", metavar=name.upper(), help=f"of the store (or {variable}; default: AWS)"
        )
    _add_repair(parser)


def _add_repair(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("repair")
    group.add_argument(
        "--repair",
        action="store_true",
        help="submit the jobs of damaged videos again, with the options they were made with",
    )
    group.add_argument("--dry-run", action="store_true", help="show what --repair would submit")
    group.add_argument(
        "--doubtful",
        action="store_true",
        help="submit also where there is a doubt, such as options that are not known",
    )
    group.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the worker that the videos were made with, such as loudness=-16;"
        " repeatable",
    )
    group.add_argument("--queue", default=QUEUE, help="(default: %(default)s)")
    group.add_argument("--job-definition", default=JOB_DEFINITION, help="(default: %(default)s)")


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Audit, show what was found, and repair where that is asked for."""
    _check(arguments)
    given = given_options(arguments.option)
    pace = Pace(arguments.requests_per_second)
    with _store_errors():
        root = _open(arguments, aws, pace)
        damaged = _audit(arguments, root, pace)
        if arguments.repair:
            _repair(arguments, aws, root, damaged, given)
    return DAMAGE if damaged else OK


def _check(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.threads <= _MOST_THREADS:
        raise UsageError(f"--threads: a number from 1 to {_MOST_THREADS}")
    if not arguments.requests_per_second > 0:
        raise UsageError("--requests-per-second: a number above 0")
    if not arguments.repair and (arguments.dry_run or arguments.doubtful or arguments.option):
        raise UsageError("--dry-run, --doubtful and --option are for --repair")


def given_options(words: Sequence[str]) -> dict[str, str]:
    """Read `--option NAME=VALUE`, by the names of `Job`'s fields."""
    options = {option.parameter: option for option in submitted_options()}
    given: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        option = options.get(name.removeprefix("--").replace("-", "_"))
        if option is None or not equals:
            raise UsageError(f"--option {name}: write NAME=VALUE with an option of scripts/submit")
        given.setdefault(option.field, []).append(value)
    values = {field: join_values(some) for field, some in given.items()}
    # Before an audit of an hour ends with it.
    check(Submission(source="s3://source/key", destination="s3://destination/key", options=values))
    return values


@contextmanager
def _store_errors() -> Iterator[None]:
    """Raise a store's errors as those of a command."""
    try:
        yield
    except StorageUnavailableError as error:
        raise UnreachableError(f"{error}; with --state the audit goes on from there") from error
    except WorkerError as error:
        raise DeniedError(str(error)) from error


def _open(arguments: argparse.Namespace, aws: Aws, pace: Pace) -> Root:
    try:
        location = parse_location(arguments.location)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if isinstance(location, HttpsLocation):
        raise UsageError("name s3://bucket/prefix or a folder; a website cannot be listed")
    if isinstance(location, LocalLocation):
        if not location.path.is_dir():
            raise NotThereError(f"there is no folder {location}")
        return LocalRoot(location.path)
    client = aws.s3(
        endpoint=arguments.s3_endpoint or os.environ.get(variable_name("s3_endpoint")) or None,
        region=arguments.s3_region or os.environ.get(variable_name("s3_region")) or None,
        keys=keys_in(os.environ),
    )
    pace.apply_to(client)
    return S3Root(client, location)


def _audit(arguments: argparse.Namespace, root: Root, pace: Pace) -> list[Result]:
    """Show what is found; return the damaged ones."""
    judge = Judge(is_deep=arguments.deep, now=lambda: datetime.now(UTC))
    verdicts: Counter[Verdict] = Counter()
    found = []
    with State(arguments.state) as state, progress("listing") as set_progress:
        audit = Audit(root=root, judge=judge, state=state, threads=arguments.threads)
        for result in audit.results():
            verdicts[result.verdict] += 1
            if result.findings:
                found.append(result)
            if arguments.json:
                show_json(result.model_dump(mode="json"))
            set_progress(
                f"{verdicts.total()} destinations, {verdicts[Verdict.DAMAGED]} damaged,"
                f" {pace.requests} requests"
            )
    figures = summarize(audit, verdicts, requests=pace.requests)
    if arguments.json:
        show_json({"summary": figures})
    else:
        show_findings(found)
        show_summary(figures)
    return [result for result in found if result.is_damaged]


def _repair(
    arguments: argparse.Namespace,
    aws: Aws,
    root: Root,
    damaged: Iterable[Result],
    given: dict[str, str],
) -> None:
    submitter = RepairSubmitter(aws=aws, queue=arguments.queue, definition=arguments.job_definition)
    for result in damaged:
        store = root.open(result.destination)
        repair = plan_repair(result, store, given, datetime.now(UTC))
        job_id = None
        if repair.submission and _is_to_be_submitted(repair, arguments):
            try:
                job_id = submitter.submit(repair.submission)
            except LaterError as error:
                repair = replace(repair, submission=None, refusal=str(error))
        _show_repair(arguments, repair, job_id)


def _is_to_be_submitted(repair: Repair, arguments: argparse.Namespace) -> bool:
    return not arguments.dry_run and (not repair.doubts or arguments.doubtful)


def _show_repair(arguments: argparse.Namespace, repair: Repair, job_id: str | None) -> None:
    submission = repair.submission
    options = dict(submission.options) if submission else {}
    if arguments.json:
        show_json(
            {
                "repair": repair.destination,
                "job_id": job_id,
                "source": clean(submission.source) if submission else None,
                "options": options,
                "doubts": list(repair.doubts),
                "refusal": repair.refusal,
            }
        )
        return
    if submission is None:
        say(f"{repair.destination}: not submitted: {repair.refusal}")
        return
    words = " ".join(f"{name}={value}" for name, value in options.items())
    if job_id:
        outcome = f"submitted as job {job_id}"
    elif repair.doubts and not arguments.doubtful:
        outcome = "not submitted, for doubt (--doubtful submits it)"
    else:
        outcome = "would be submitted"
    say(f"{repair.destination}: {outcome}: {submission.source} {words}")
    for doubt in repair.doubts:
        say(f"  doubt: {doubt}")
