"""Reports what is left of scaling by SQS and an Auto Scaling group; `drain` empties its queues."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from ops import names
from ops.aws import Aws
from ops.console import Answer
from ops.errors import OK, UsageError
from ops.legacy.drain import drain
from ops.legacy.findings import report
from ops.legacy.message import Mapped
from ops.legacy.policy import backup, restore

EPILOG = """\
Without an action, nothing is changed. Examples:

  scripts/legacy                   what is left, what still acts, and what to do
  scripts/legacy drain --dry-run   which waiting messages would become which jobs
  scripts/legacy drain             submit them as jobs; 65 where unreadable ones are left
  scripts/legacy drain --source-template s3://uploads/{file_key} \\
    --destination-template s3://videos/hls/{tenant_id}/{video_id}
  scripts/legacy policy --backup policy.json
  scripts/legacy policy --restore policy.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and its options."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("report", "drain", "policy"),
        default="report",
        help="(default: report)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done")
    parser.add_argument("--queue", default=names.QUEUE, help="Batch queue (default: %(default)s)")
    parser.add_argument(
        "--job-definition", default=names.JOB_DEFINITION, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--source-template",
        metavar="URL",
        help="drain: source of the former worker's messages, such as s3://uploads/{file_key}",
    )
    parser.add_argument(
        "--destination-template",
        metavar="URL",
        help="drain: their destination, such as s3://videos/{tenant_id}/{video_id}",
    )
    parser.add_argument(
        "--backup", type=Path, metavar="FILE", help="policy: keep its configuration in a new file"
    )
    parser.add_argument(
        "--restore", type=Path, metavar="FILE", help="policy: put back what a file has"
    )
    parser.add_argument("--json", action="store_true", help="JSON lines, for other programs")


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """Report, drain, or keep or put back the scaling policy."""
    answer = Answer(as_json=arguments.json)
    if arguments.action == "policy":
        return _policy(arguments, aws, answer)
    if arguments.action == "drain":
        return drain(
            aws,
            queue=arguments.queue,
            definition=arguments.job_definition,
            dry_run=arguments.dry_run,
            mapped=_mapped(arguments),
            answer=answer,
        )
    for finding in report(aws):
        advice = f"\n         -> {finding.advice}" if finding.advice else ""
        text = f"{finding.state:8} {finding.name}: {finding.detail}{advice}"
        answer.show("finding", text, **asdict(finding))
    return OK


def _policy(arguments: argparse.Namespace, aws: Aws, answer: Answer) -> int:
    if (arguments.backup is None) == (arguments.restore is None):
        raise UsageError("policy: give either --backup FILE or --restore FILE")
    if arguments.backup is not None:
        return backup(aws, arguments.backup, answer)
    return restore(aws, arguments.restore, answer, dry_run=arguments.dry_run)


def _mapped(arguments: argparse.Namespace) -> Mapped | None:
    source, destination = arguments.source_template, arguments.destination_template
    if source is None and destination is None:
        return None
    if source is None or destination is None:
        raise UsageError("--source-template and --destination-template go together")
    return Mapped(source=source, destination=destination)
