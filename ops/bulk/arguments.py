"""The arguments of `scripts/submit` for many uploads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from ops.batch.cost import read_price
from ops.batch.request import AUTO, MACHINES, Submission, read_given
from ops.bulk.check import Defaults
from ops.bulk.read import VIDEO_PATTERNS
from ops.bulk.run import ListOptions
from ops.errors import UsageError
from ops.stack.buckets import StackBuckets

_IN_FLIGHT = 100
_MAX_IN_FLIGHT = 10_000
# Of use with a list only, by their names in the namespace.
_OF_A_LIST = {
    "match": "--match",
    "destination_template": "--destination",
    "in_flight": "--in-flight",
    "state": "--state",
    "report_file": "--report-file",
    "skip_bad": "--skip-bad",
}


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which uploads, and how they are submitted."""
    group = parser.add_argument_group(
        "many uploads", "all rows are checked first; the same command again goes on where it was"
    )
    what = group.add_mutually_exclusive_group()
    what.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="CSV with a heading, or JSON lines: source, destination, and options as columns",
    )
    what.add_argument("--prefix", metavar="S3_PREFIX", help="each video below s3://bucket/prefix/")
    group.add_argument(
        "--match",
        action="append",
        metavar="PATTERN",
        help=f"names of uploads below --prefix; default: {' '.join(VIDEO_PATTERNS)}",
    )
    group.add_argument(
        "--destination",
        dest="destination_template",
        metavar="TEMPLATE",
        help="of rows without one: s3://bucket/{stem}, {name} or {path} of the source",
    )
    group.add_argument(
        "--in-flight", metavar="N", help=f"jobs in Batch at a time (default: {_IN_FLIGHT})"
    )
    group.add_argument(
        "--state", type=Path, metavar="FILE", help="what was done; default: FILE.state.jsonl"
    )
    group.add_argument(
        "--report-file", type=Path, metavar="FILE", help="the report, as .csv or .json"
    )
    group.add_argument(
        "--price",
        metavar="PRICE",
        help="of a vCPU-hour, for costs in the report, and of --machines auto",
    )
    group.add_argument(
        "--skip-bad", action="store_true", help="submit the good rows where others are faulty"
    )
    group.add_argument("--dry-run", action="store_true", help="check, and show what would be done")


def is_list(arguments: argparse.Namespace) -> bool:
    """Whether many uploads are to be submitted."""
    return arguments.list is not None or arguments.prefix is not None


def refuse_list_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what has no meaning for one upload.

    Raises:
        UsageError: such an argument is given.

    """
    for name, shown in _OF_A_LIST.items():
        if getattr(arguments, name):
            raise UsageError(f"{shown} is of use with --list or --prefix only")


def list_options(
    arguments: argparse.Namespace,
    submission: Submission,
    *,
    environment: Mapping[str, str],
    buckets: StackBuckets | None,
) -> ListOptions:
    """Read how a list is submitted; `submission` has what holds for each row.

    Raises:
        UsageError: arguments contradict each other, or a number is none.

    """
    if arguments.locations:
        raise UsageError(
            "SOURCE and DESTINATION are in the list; give --destination for a template"
        )
    if arguments.name:
        raise UsageError("--name: the jobs of a list are named by their destinations")
    if arguments.within or arguments.length or submission.options.get(MACHINES) == AUTO:
        raise UsageError(
            "--machines auto is for one video; give --machines N, or a column machines"
        )
    if arguments.match and not arguments.prefix:
        raise UsageError("--match is of use with --prefix only")
    return ListOptions(
        path=arguments.list,
        prefix=arguments.prefix,
        patterns=arguments.match or VIDEO_PATTERNS,
        defaults=Defaults(destination=arguments.destination_template, submission=submission),
        queue=arguments.queue,
        definition=arguments.job_definition,
        environment=environment,
        in_flight=read_given("--in-flight", arguments.in_flight, (1, _MAX_IN_FLIGHT)) or _IN_FLIGHT,
        poll_s=arguments.poll,
        state=arguments.state,
        report=arguments.report_file,
        price=read_price(arguments.price),
        skips_bad=arguments.skip_bad,
        detaches=arguments.detach,
        as_json=arguments.json,
        dry_run=arguments.dry_run,
        buckets=buckets,
    )
