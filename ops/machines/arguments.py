"""The arguments of `scripts/submit` for one video on several machines."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from ops.batch.cost import read_price
from ops.batch.request import AUTO, MACHINES, Submission, check, read_definition
from ops.console import say, warn
from ops.errors import UsageError
from ops.machines.estimate import Work, choose_machines, describe_choice, read_time

if TYPE_CHECKING:
    from ops.aws import Aws

# As the template has it, where a job definition names none.
_VCPUS = 2.0


def add_machines_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `--machines auto` is chosen by."""
    group = parser.add_argument_group(
        "one video on several machines",
        "--machines N submits an array job; --machines auto takes the fewest that are fast enough",
    )
    group.add_argument(
        "--within", metavar="TIME", help="with --machines auto: 15m, 900s, 1h, from now on"
    )
    group.add_argument(
        "--length", metavar="TIME", help="with --machines auto: how long the video is, such as 3h"
    )


def with_machines(arguments: argparse.Namespace, aws: Aws, submission: Submission) -> Submission:
    """Return the submission with a number where `auto` was given, and show why it is this one.

    Raises:
        UsageError: arguments are missing or have no meaning, or no number is fast enough.

    """
    if submission.options.get(MACHINES) != AUTO:
        if arguments.within or arguments.length:
            raise UsageError("--within and --length are of use with --machines auto only")
        if arguments.price:
            raise UsageError("--price is of use with --list, --prefix or --machines auto only")
        return submission
    if not (arguments.within and arguments.length):
        raise UsageError(
            "--machines auto needs --within (by when, such as 15m) and --length (of the video, such"
            " as 3h; ffprobe -show_entries format=duration shows it)"
        )
    options = {**submission.options, MACHINES: "1"}
    # A ladder that is none is refused with its message before it is counted with.
    job = check(replace(submission, options=options))
    vcpus = submission.vcpus or read_definition(aws, arguments.job_definition).vcpus or _VCPUS
    ladder = AUTO if job.ladder == AUTO else ",".join(map(str, job.ladder))
    work = Work(length_s=read_time("--length", arguments.length), ladder=ladder, vcpus=float(vcpus))
    machines = choose_machines(work, read_time("--within", arguments.within))
    show = warn if arguments.json or arguments.detach else say
    for line in describe_choice(work, machines, read_price(arguments.price)):
        show(line)
    return replace(submission, options={**options, MACHINES: str(machines)})
