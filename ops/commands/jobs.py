"""Lists jobs, shows one in detail, follows one; resubmits or terminates many."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ops.aws import Aws
from ops.batch.cost import read_price
from ops.batch.describe import describe_job, job_record
from ops.batch.follow import POLL_S, JobFollower
from ops.batch.job import STATUSES, BatchJob, fetch_job, is_child, moment
from ops.batch.listing import LIST_HEADING, read_rows
from ops.batch.month import read_month, show_month
from ops.batch.request import MEMORY_MIB, VCPUS, read_given, read_whole
from ops.bulk.retry import Retried, Retry
from ops.bulk.select import Selection, read_since
from ops.console import ask, is_terminal, say, show_json, show_table
from ops.errors import OK, UNREADABLE, UsageError
from ops.keeper.stores import open_destination
from ops.names import LOG_GROUP, QUEUE

_TAIL = 20
_LIMIT = 30
_MAX_LIMIT, _MAX_TAIL = 100_000, 10_000
_ACTIVE = STATUSES[: STATUSES.index("SUCCEEDED")]
# Named before a person is asked.
_NAMED = 20

EPILOG = """\
Examples:

  scripts/jobs                          the newest jobs of each status
  scripts/jobs --status FAILED          failed ones only
  scripts/jobs 4c7599ae-...             its progress or result, and what to do
  scripts/jobs 4c7599ae-...:2           one machine of an array job, with its log
  scripts/jobs 4c7599ae-... --follow    follow it to its end; its exit status is this command's
  scripts/jobs 4c7599ae-... --terminate --reason "wrong upload"
  scripts/jobs --terminate --name 'video-hls-2026*' --dry-run
  scripts/jobs --retry --all-failed --since 24h
  scripts/jobs --retry 4c7599ae-... --memory 8192
  scripts/jobs --report last-month
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which jobs, and what to do with them."""
    parser.add_argument("job_id", nargs="*", metavar="JOB_ID", help="show this job in detail")
    parser.add_argument("--status", choices=STATUSES, help="only these")
    parser.add_argument("--name", metavar="NAME", help="only of this name; NAME* begins so")
    parser.add_argument("--since", metavar="AGE", help="only of the last 30m, 24h, 7d")
    parser.add_argument(
        "--limit", metavar="N", default=str(_LIMIT), help="jobs listed (default: %(default)s)"
    )
    parser.add_argument("--queue", default=QUEUE, help="(default: %(default)s)")
    parser.add_argument(
        "--tail", metavar="N", default=str(_TAIL), help="log lines shown (default: %(default)s)"
    )
    parser.add_argument(
        "--poll", type=float, default=POLL_S, metavar="SECONDS", help="(default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="JSON lines, for other programs")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--follow", action="store_true", help="follow the job to its end")
    what.add_argument(
        "--retry", action="store_true", help="submit failed jobs again whose outcome says so"
    )
    what.add_argument("--terminate", action="store_true", help="terminate the jobs (SIGTERM)")
    parser.add_argument(
        "--all-failed", action="store_true", help="retry each video whose newest job failed"
    )
    parser.add_argument("--vcpus", metavar="N", help="with --retry: vCPUs, instead of the former")
    parser.add_argument("--memory", metavar="MIB", help="with --retry: memory in MiB, likewise")
    what.add_argument(
        "--report",
        metavar="MONTH",
        help="what jobs did in a month, by academy: month, last-month, or 2026-11",
    )
    parser.add_argument("--log-group", default=LOG_GROUP, help="of --report (default: %(default)s)")
    parser.add_argument("--price", metavar="PRICE", help="of a vCPU-hour, for costs in --report")
    parser.add_argument(
        "--reason",
        default="terminated with scripts/jobs",
        help="why; Batch keeps it as the job's status reason",
    )
    parser.add_argument("--yes", action="store_true", help="terminate many without being asked")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what --terminate or --retry would do"
    )


def run(arguments: argparse.Namespace, aws: Aws) -> int:
    """List jobs; or show, follow, resubmit or terminate those that are named."""
    lines = read_whole("--tail", arguments.tail, least=0, most=_MAX_TAIL)
    limit = read_whole("--limit", arguments.limit, least=1, most=_MAX_LIMIT)
    _refuse_nonsense(arguments)
    if arguments.report:
        return _report(arguments, aws)
    if arguments.retry:
        return _retry(arguments, aws)
    if arguments.terminate:
        return _terminate(arguments, aws)
    if arguments.follow:
        return JobFollower(
            aws=aws,
            job_id=arguments.job_id[0],
            poll_s=arguments.poll,
            as_json=arguments.json,
        ).follow()
    if not arguments.job_id:
        return _list(arguments, aws, limit)
    for job_id in arguments.job_id:
        job = fetch_job(aws, job_id)
        if arguments.json:
            show_json(job_record(aws, job, lines=lines))
            continue
        for line in describe_job(aws, job, lines=lines):
            say(line)
    return OK


def _report(arguments: argparse.Namespace, aws: Aws) -> int:
    month = read_month(arguments.report, datetime.now(UTC))
    price = read_price(arguments.price)
    show_month(aws, arguments.log_group, month, price=price, as_json=arguments.json)
    return OK


def _refuse_nonsense(arguments: argparse.Namespace) -> None:
    chosen = arguments.status or arguments.name or arguments.since
    if arguments.job_id and (chosen or arguments.all_failed):
        raise UsageError("give JOB_IDs, or choose by --status, --name, --since; not both")
    if arguments.follow and len(arguments.job_id) != 1:
        raise UsageError("--follow needs one JOB_ID")
    if arguments.terminate and not (arguments.job_id or chosen):
        raise UsageError("--terminate needs JOB_IDs, or --status, --name or --since")
    if arguments.retry and not (arguments.job_id or (arguments.all_failed and arguments.since)):
        raise UsageError("--retry needs JOB_IDs, or --all-failed with --since")
    if arguments.retry and (arguments.status or arguments.name):
        raise UsageError("--retry takes JOB_IDs, or --all-failed with --since; no --status, --name")
    if not arguments.retry and (arguments.all_failed or arguments.vcpus or arguments.memory):
        raise UsageError("--all-failed, --vcpus and --memory are of use with --retry only")


def _list(arguments: argparse.Namespace, aws: Aws, limit: int) -> int:
    wanted: Sequence[Any] = (arguments.status,) if arguments.status else STATUSES
    since = read_since(arguments.since, datetime.now(UTC))
    selection = Selection(name=arguments.name)
    found: list[Mapping[str, Any]] = []
    for status in wanted:
        pages = aws.batch.get_paginator("list_jobs").paginate(
            jobQueue=arguments.queue, jobStatus=status
        )
        for page in pages:
            found += [
                job
                for job in page["jobSummaryList"]
                if selection.is_named(job["jobName"])
                and _is_recent(job, since)
                and not is_child(job["jobId"])
            ]
    newest = sorted(found, key=lambda j: j.get("createdAt", 0), reverse=True)[:limit]
    rows = read_rows(aws, newest)
    if arguments.json:
        for row in rows:
            show_json(row.record)
        return OK
    if not rows:
        say(f"There are no jobs in {arguments.queue}; Batch deletes ended jobs after about a week.")
        return OK
    show_table(LIST_HEADING, (row.cells for row in rows))
    if len(found) > len(rows):
        say(f"{len(found) - len(rows)} older jobs are not shown (--limit).")
    return OK


def _is_recent(summary: Mapping[str, Any], since: datetime | None) -> bool:
    created = moment(summary.get("createdAt"))
    return since is None or (created is not None and created >= since)


def _terminate(arguments: argparse.Namespace, aws: Aws) -> int:
    statuses = (arguments.status,) if arguments.status else _ACTIVE
    jobs = Selection(
        ids=arguments.job_id,
        statuses=statuses,
        name=arguments.name,
        since=read_since(arguments.since, datetime.now(UTC)),
    ).find(aws, arguments.queue)
    ended = [job for job in jobs if job.has_ended]
    for job in ended:
        _show_terminated(arguments, job, "has ended", f"{job.id} has ended already ({job.status})")
    going = [job for job in jobs if not job.has_ended]
    if not going:
        if not arguments.json:
            say("There is nothing to do." if ended else "There are no such jobs.")
        return OK
    if arguments.dry_run:
        for job in going:
            text = f"would terminate {job.id} ({job.name}), now {job.status}"
            _show_terminated(arguments, job, "would be terminated", text)
        return OK
    # One that is named by its id was meant.
    if not (len(arguments.job_id) == 1 or arguments.yes or _agrees(going)):
        say("Nothing was terminated.")
        return OK
    for job in going:
        aws.batch.terminate_job(jobId=job.id, reason=arguments.reason)
        machines = f" with its {job.array_size} machines" if job.array_size else ""
        text = (
            f"{job.id} is being terminated{machines}; a running worker saves its checkpoint within"
            " 30 s."
        )
        _show_terminated(arguments, job, "terminated", text)
    return OK


def _show_terminated(arguments: argparse.Namespace, job: BatchJob, what: str, text: str) -> None:
    if arguments.json:
        show_json({"event": "terminate", "job_id": job.id, "name": job.name, "state": what})
    else:
        say(text)


def _agrees(jobs: Sequence[BatchJob]) -> bool:
    if not is_terminal():
        raise UsageError(f"{len(jobs)} jobs would be terminated: confirm with --yes (or --dry-run)")
    show_table(("status", "name", "id"), [(j.status, j.name, j.id) for j in jobs[:_NAMED]])
    if len(jobs) > _NAMED:
        say(f"… and {len(jobs) - _NAMED} more")
    return ask(f"Terminate {len(jobs)} jobs?")


def _retry(arguments: argparse.Namespace, aws: Aws) -> int:
    now = datetime.now(UTC)
    retry = Retry(
        aws=aws,
        queue=arguments.queue,
        open_store=lambda job: open_destination(aws, job, os.environ),
        now=now,
        vcpus=read_given("--vcpus", arguments.vcpus, VCPUS),
        memory_mib=read_given("--memory", arguments.memory, MEMORY_MIB),
        dry_run=arguments.dry_run,
    )
    since = read_since(arguments.since, now)
    done = retry.by_ids(arguments.job_id) if since is None else retry.failed_since(since)
    refused = _show_retried(done, as_json=arguments.json, dry_run=arguments.dry_run)
    # A job that was named and not resubmitted is not what was asked for.
    return UNREADABLE if refused and arguments.job_id else OK


def _show_retried(done: Iterable[Retried], *, as_json: bool, dry_run: bool) -> int:
    """Show each job as it is dealt with; return how many were not resubmitted."""
    count = refused = 0
    for each in done:
        count += 1
        refused += bool(each.why_not)
        if as_json:
            show_json(each.record)
            continue
        name = f"{each.failed.id} ({each.failed.name})"
        if each.why_not:
            outcome = f"{each.result.outcome}: " if each.result else ""
            say(f"not resubmitted {name}: {outcome}{each.why_not}")
        elif dry_run:
            say(f"would resubmit {name}")
        else:
            say(f"resubmitted {name} as {each.job_id}")
    if not as_json:
        say(f"{count - refused} {'would be ' if dry_run else ''}resubmitted, {refused} not")
    return refused
