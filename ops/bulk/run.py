"""`scripts/submit` with a list or a prefix, from its arguments to its exit status."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ops.aws import Aws
from ops.batch.once import Submitter
from ops.batch.request import build_request, has_shares, read_definition
from ops.bulk.check import Defaults, Fault, Row, check_entries
from ops.bulk.known import ROW_TAG, KnownJobs
from ops.bulk.published import PublishedVideos
from ops.bulk.read import VIDEO_PATTERNS, Entry, read_list, read_prefix
from ops.bulk.report import (
    check_report_path,
    exit_status,
    fault_record,
    row_record,
    show_report,
    summary,
    write_report,
)
from ops.bulk.show import open_screen
from ops.bulk.state import State
from ops.bulk.upload import Progress, Upload
from ops.console import say, show_json, warn
from ops.errors import INTERRUPTED, OK, UsageError
from ops.stack.buckets import StackBuckets
from worker.config.location import S3Location, parse_location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef

_FAULTS_SHOWN = 50
_WARNINGS_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ListOptions:
    """How a list is submitted. One of `path` and `prefix` is given."""

    path: Path | None = None
    prefix: str | None = None
    patterns: Sequence[str] = VIDEO_PATTERNS
    defaults: Defaults
    queue: str
    definition: str
    environment: Mapping[str, str] = field(default_factory=dict)
    in_flight: int
    poll_s: float
    state: Path | None = None
    report: Path | None = None
    price: float | None = None
    skips_bad: bool = False
    detaches: bool = False
    as_json: bool = False
    dry_run: bool = False
    buckets: StackBuckets | None = None


def submit_list(aws: Aws, options: ListOptions) -> int:
    """Check all rows, then submit each once and follow them; return the exit status.

    Raises:
        UsageError: a row is faulty; nothing was submitted.
        OpsError: as AWS answers.

    """
    if options.report:
        check_report_path(options.report)
    rows, faults = check_entries(_read(aws, options), options.defaults)
    if faults and not options.skips_bad:
        raise UsageError(_describe(faults, len(rows) + len(faults)))
    for fault in faults[:_FAULTS_SHOWN]:
        warn(f"line {fault.line} is skipped: {fault.message}")
    _warn_of_buckets(rows, options.buckets)
    if options.dry_run:
        return _show_rows(rows, faults, as_json=options.as_json)
    path = options.state or state_path(options.path, options.prefix)
    with State(path) as state:
        try:
            done = _upload(aws, options, rows, state)
        except KeyboardInterrupt:
            warn("Jobs that were submitted continue. The same command again goes on from here;")
            warn(f"{path} has what was done.")
            return INTERRUPTED
    return _report(options, done, faults)


def _read(aws: Aws, options: ListOptions) -> list[Entry]:
    if options.path is not None:
        return read_list(options.path)
    try:
        prefix = parse_location(options.prefix or "")
    except ValueError as error:
        raise UsageError(f"--prefix: {error}") from error
    if not isinstance(prefix, S3Location):
        raise UsageError("--prefix: write s3://bucket/prefix/")
    given = options.defaults.submission.options
    endpoint = given.get("source_s3_endpoint") or given.get("s3_endpoint")
    client = aws.s3(
        endpoint=None if endpoint == "aws" else endpoint,
        region=given.get("source_s3_region") or given.get("s3_region"),
    )
    return read_prefix(client, prefix, options.patterns)


def _warn_of_buckets(rows: Sequence[Row], buckets: StackBuckets | None) -> None:
    problems = [
        f"warning: line {row.line}: {problem}"
        for row in rows
        if buckets
        for problem in buckets.outside(row.sources, row.destination)
    ]
    for problem in problems[:_WARNINGS_SHOWN]:
        warn(problem)
    if len(problems) > _WARNINGS_SHOWN:
        warn(f"warning: {len(problems) - _WARNINGS_SHOWN} more locations that jobs may not use")


def _upload(aws: Aws, options: ListOptions, rows: Sequence[Row], state: State) -> list[Progress]:
    definition = read_definition(aws, options.definition)
    known = frozenset(definition.parameters)
    shared = has_shares(aws, options.queue)

    def build(row: Row) -> SubmitJobRequestTypeDef:
        request = build_request(
            row.submission,
            known=known,
            name=row.name,
            queue=options.queue,
            definition=options.definition,
            has_shares=shared,
            environment=options.environment,
        )
        request["tags"] = {**request.get("tags", {}), ROW_TAG: row.digest}
        return request

    # All before the first: what the queue does not take is found in time.
    requests = {row.digest: build(row) for row in rows}
    with open_screen(as_json=options.as_json) as screen:
        return Upload(
            aws=aws,
            state=state,
            known=KnownJobs(aws=aws, queue=options.queue),
            submitter=Submitter(aws=aws),
            build=lambda row: requests[row.digest],
            find_published=PublishedVideos(aws=aws, definition=definition).find,
            show=screen.show,
            tick=screen.tick,
            in_flight=options.in_flight,
            follows=not options.detaches,
            poll_s=options.poll_s,
        ).run(rows)


def _report(options: ListOptions, done: Sequence[Progress], faults: Sequence[Fault]) -> int:
    total = summary(done, faults, price=options.price)
    if options.report:
        records = [row_record(each, price=options.price) for each in done]
        records += map(fault_record, faults)
        write_report(options.report, sorted(records, key=lambda r: r["line"]), total)
    if options.as_json:
        show_json({"event": "report", **total})
    else:
        show_report(done, faults, total)
    return exit_status(done, faults)


def _show_rows(rows: Sequence[Row], faults: Sequence[Fault], *, as_json: bool) -> int:
    for row in rows:
        if as_json:
            show_json(
                {
                    "event": "row",
                    "line": row.line,
                    "state": "would be submitted",
                    "source": row.source,
                    "destination": str(row.destination),
                    "name": row.name,
                }
            )
        else:
            say(f"line {row.line}: would submit {row.source} -> {row.destination} ({row.name})")
    return UsageError.exit_status if faults else OK


def _describe(faults: Sequence[Fault], count: int) -> str:
    lines = [f"line {fault.line}: {fault.message}" for fault in faults[:_FAULTS_SHOWN]]
    if len(faults) > _FAULTS_SHOWN:
        lines.append(f"… and {len(faults) - _FAULTS_SHOWN} more")
    head = f"{len(faults)} of {count} rows cannot be used; nothing was submitted"
    return "\n  ".join([f"{head} (--skip-bad submits the others):", *lines])


def state_path(path: Path | None, prefix: str | None) -> Path:
    """Return where the state of a list is kept: beside it; that of a prefix in this folder."""
    if path is not None:
        return path.with_name(f"{path.name}.state.jsonl")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", (prefix or "").removeprefix("s3://")).strip("-")
    return Path(f"submit-{name}.state.jsonl")
