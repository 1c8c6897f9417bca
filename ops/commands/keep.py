"""Resubmits failed jobs whose outcome says so, and lists what needs a person."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from ops.aws import Aws
from ops.batch.job import BatchJob
from ops.console import say, show_table
from ops.errors import OK, UsageError
from ops.keeper.decide import ATTEMPTS, MAX_MEMORY_MIB, Settings
from ops.keeper.keep import MAX_JOBS, WINDOW_HOURS, Keeper
from ops.keeper.report import HEADING, Kind, Report, describe, to_json
from ops.keeper.stores import open_destination
from ops.names import QUEUE
from worker.storage.base import Store

# As many causes as the value of one tag holds.
_MOST_ATTEMPTS = 9

EPILOG = """\
The exit status is 0 also where a person has to act; another one where the queue cannot be read.
Examples:

  scripts/keep --dry-run                what would be done, and what needs a person
  scripts/keep                          do it
  scripts/keep --json --dry-run         the same for programs
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
        "--topic", metavar="ARN", help="SNS topic that is told, once each, what needs a person"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done")


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Look after the queue once."""
    _check(arguments)

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
    _show(report, as_json=arguments.json)
    return OK


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        say(to_json(report))
        return
    if people := report.of(Kind.PERSON):
        show_table(HEADING, (entry.row for entry in people))
        say()
    for line in describe(report):
        say(line)


def _check(arguments: argparse.Namespace) -> None:
    faults = []
    if not 0 <= arguments.attempts <= _MOST_ATTEMPTS:
        faults.append(f"--attempts {arguments.attempts}: 0 to {_MOST_ATTEMPTS}")
    if arguments.max_memory < 1:
        faults.append(f"--max-memory {arguments.max_memory}: MiB, 1 or more")
    if arguments.hours <= 0:
        faults.append(f"--hours {arguments.hours}: more than 0")
    if arguments.max_jobs < 1:
        faults.append(f"--max-jobs {arguments.max_jobs}: 1 or more")
    if faults:
        raise UsageError("; ".join(faults))
