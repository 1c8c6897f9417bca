"""Reports what is left of scaling by SQS and an Auto Scaling group; `drain` empties its queues."""

from __future__ import annotations

import argparse

from ops import names
from ops.aws import Aws
from ops.console import say
from ops.errors import OK
from ops.legacy.drain import drain
from ops.legacy.findings import report

EPILOG = """\
Without `drain`, nothing is changed. Examples:

  scripts/legacy                   what is left, what still acts, and what to do
  scripts/legacy drain --dry-run   which waiting messages would become which jobs
  scripts/legacy drain             submit them as jobs; 65 where unreadable ones are left
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and its options."""
    parser.add_argument(
        "action", nargs="?", choices=("report", "drain"), default="report", help="(default: report)"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what drain would do")
    parser.add_argument("--queue", default=names.QUEUE, help="Batch queue (default: %(default)s)")
    parser.add_argument(
        "--job-definition", default=names.JOB_DEFINITION, help="(default: %(default)s)"
    )


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Report or drain."""
    if arguments.action == "drain":
        return drain(
            aws,
            queue=arguments.queue,
            definition=arguments.job_definition,
            dry_run=arguments.dry_run,
        )
    for finding in report(aws):
        say(f"{finding.state:8} {finding.name}: {finding.detail}")
        if finding.advice:
            say(f"         -> {finding.advice}")
    return OK
