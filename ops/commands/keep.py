"""Resubmits failed jobs whose outcome says so, and lists what needs a person."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from ops.aws import Aws
from ops.batch.job import BatchJob
from ops.console import say, show_table
from ops.errors import OK, UsageError
from ops.keeper.clean import MAX_REQUESTS
from ops.keeper.decide import ATTEMPTS, MAX_MEMORY_MIB, Settings
from ops.keeper.keep import MAX_JOBS, WINDOW_HOURS, Keeper
from ops.keeper.report import HEADING, Kind, Report, describe, to_json
from ops.keeper.stores import CleanSettings, open_cleaner, open_destination
from ops.names import QUEUE
from worker.storage.base import Store

# As many causes as the value of one tag holds.
_MOST_ATTEMPTS = 9
# A run that is younger may be one that somebody is about to continue.
_LEAST_DAYS = 1

EPILOG = """\
The exit status is 0 also where a person has to act; another one where the queue cannot be read.
Examples:

  scripts/keep --dry-run                what would be done, and what needs a person
  scripts/keep                          do it
  scripts/keep --json --dry-run         the same for programs
  scripts/keep --dry-run --below s3://videos/hls --delete-runs-after 7
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how far it goes, and what it shows."""
    parser.add_argument("--queue", default=QUEUE, help="(default: %(default)s)")
    parser.add_argument(
        "--attempts",
        type=int,
        default=ATTEMPTS,
        metavar="N",
        help="resubmissions of a video at most (default: %(default)s)",
    )
    parser.add_argument(
        "--max-memory",
        type=int,
        default=MAX_MEMORY_MIB,
        metavar="MIB",
        help="memory that a resubmission may have, as an instance offers it (default: %(default)s)",
    )
    parser.add_argument(
        "--hours",
        type=float,
        default=WINDOW_HOURS,
        metavar="H",
        help="look back so far; Batch forgets jobs in about a week (default: %(default)s)",
    )
    parser.add_argument(
        "--max-jobs",
        type=int,
        default=MAX_JOBS,
        metavar="N",
        help="jobs read, the newest first (default: %(default)s)",
    )
    parser.add_argument(
        "--topic",
        metavar="ARN",
        help="SNS topic to which is published, once each, what needs a person",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done")
    _add_cleaning(parser)


def _add_cleaning(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what it deletes", "nothing, unless these are given")
    group.add_argument(
        "--below", metavar="s3://BUCKET/PREFIX", help="where published folders are looked for"
    )
    group.add_argument(
        "--delete-runs-after",
        type=float,
        default=0,
        metavar="DAYS",
        help="run folders that nothing names and that are older; 0: none (default)",
    )
    group.add_argument(
        "--delete-uploads-after",
        type=float,
        default=0,
        metavar="DAYS",
        help="uploads whose video has been published for longer; 0: none (default)",
    )
    group.add_argument(
        "--max-requests",
        type=int,
        default=MAX_REQUESTS,
        metavar="N",
        help="requests to the store for that; the next run goes on (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Look after the queue once."""
    check_arguments(arguments)

    def open_store(job: BatchJob) -> Store:
        return open_destination(aws, job, os.environ)

    report = Keeper(
        aws=aws,
        queue=arguments.queue,
        open_store=open_store,
        now=lambda: datetime.now(UTC),
        settings=Settings(attempts=arguments.attempts, max_memory_mib=arguments.max_memory),
        window_s=arguments.hours * 3600,
        max_jobs=arguments.max_jobs,
        dry_run=arguments.dry_run,
        topic=arguments.topic,
    ).run()
    if arguments.delete_runs_after or arguments.delete_uploads_after:
        _clean(arguments, aws, report)
    _show(report, as_json=arguments.json)
    return OK


def _clean(arguments: argparse.Namespace, aws: Aws, report: Report) -> None:
    if not report.is_whole:
        # A waiting job whose upload is deleted ends with 66, and nothing brings the upload back.
        report.notes.append(
            "no upload or run is deleted: jobs that were not read may need them; run again with a"
            " larger --max-jobs, or when fewer jobs are in the queue"
        )
        return
    settings = CleanSettings(
        below=arguments.below,
        runs_after_days=arguments.delete_runs_after or None,
        uploads_after_days=arguments.delete_uploads_after or None,
        max_requests=arguments.max_requests,
    )
    now = datetime.now(UTC)
    cleaner = open_cleaner(aws, settings, os.environ, report=report, now=now)
    cleaner.clean()
    report.deleted += cleaner.deleted
    report.notes += cleaner.notes


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        say(to_json(report))
        return
    if people := report.of(Kind.PERSON):
        show_table(HEADING, (entry.row for entry in people))
        say()
    for line in describe(report):
        say(line)


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be used.

    Raises:
        UsageError: with every fault.

    """
    faults = []
    if not 0 <= arguments.attempts <= _MOST_ATTEMPTS:
        faults.append(f"--attempts {arguments.attempts}: 0 to {_MOST_ATTEMPTS}")
    if arguments.max_memory < 1:
        faults.append(f"--max-memory {arguments.max_memory}: MiB, 1 or more")
    if arguments.hours <= 0:
        faults.append(f"--hours {arguments.hours}: more than 0")
    if arguments.max_jobs < 1:
        faults.append(f"--max-jobs {arguments.max_jobs}: 1 or more")
    for name in ("delete_runs_after", "delete_uploads_after"):
        days = getattr(arguments, name)
        option = f"--{name.replace('_', '-')}"
        if days and days < _LEAST_DAYS:
            faults.append(f"{option} {days:g}: {_LEAST_DAYS} or more, or 0")
        elif days and not arguments.below:
            faults.append(f"{option} needs --below")
    if faults:
        raise UsageError("; ".join(faults))
