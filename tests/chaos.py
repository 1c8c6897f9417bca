"""Kills the worker at random moments and submits the job again until it is published.

Each result is compared with that of an uninterrupted job. A watcher checks all the time that what
the master playlist names is stored. Segments that are encoded more than once are counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from tests.functional.conftest import ACCESS_KEY, SECRET_KEY, Server, ffmpeg, free_port
from tests.functional.conftest import serving as serve
from tests.functional.worker_process import python_arguments
from tests.published import Watcher, compare, shape
from worker.config.location import S3Location
from worker.storage.base import Store
from worker.storage.local import LocalStore
from worker.storage.s3 import S3Store

# The proportions of the lease, faster: a killed job is taken over after a second.
FAST_LEASE = (
    "import worker.storage.lease as lease, worker.monitoring.status as status\n"
    "lease.STALE_S, lease._WATCH_S = 1.0, 0.1\n"
    "status.HEARTBEAT_S, status._LEAST_INTERVAL_S = 0.3, 0.1"
)
OPTIONS = ("--ladder", "360,180", "--segment", "2", "--log-level", "debug")
Target: TypeAlias = tuple[Store, str, Server | None]

BUCKET = "chaos"
MOST_KILLS = 6
LONGEST_STOP_S = 20


@dataclass
class Tally:
    """The figures of one lecture, or of many. Seconds are of encoding, unless stated otherwise."""

    kills: int = 0
    encoded: int = 0
    again: int = 0
    reads: int = 0
    encode_s: float = 0.0
    lost_s: float = 0.0
    # Of each job that resumed: from its start to FFmpeg's, and to its first new segment.
    to_ffmpeg_s: list[float] = field(default_factory=list)
    to_segment_s: list[float] = field(default_factory=list)
    stops_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Attempt:
    """One worker by its own log: when each event was, in seconds from its start."""

    status: int
    lasted_s: float
    was_killed: bool
    events: list[dict[str, Any]]

    def when(self, name: str, **fields: object) -> list[float]:
        """Return the times of all events with these fields."""
        return [
            event["at_s"]
            for event in self.events
            if event["event"] == name and fields.items() <= event.items()
        ]

    @property
    def encoded(self) -> dict[tuple[str, int], float]:
        """Video segments that FFmpeg finished, and when."""
        return {
            (event["rendition"], event["index"]): event["at_s"]
            for event in self.events
            if event["event"] == "segment_encoded" and event["rendition"] != "audio"
        }

    @property
    def encoding(self) -> tuple[float, float] | None:
        """From when to when it encoded video."""
        started = self.when("span_started")
        ended = self.when("step_started", step="verify")
        return (started[0], (ended or [self.lasted_s])[0]) if started else None

    def lost_s(self, lost: set[tuple[str, int]]) -> float:
        """Return the seconds of encoding since the last segment that every rung kept."""
        if self.encoding is None or not self.was_killed or self.when("step_started", step="verify"):
            return 0.0
        kept: dict[str, float] = {}
        for (rung, index), at_s in self.encoded.items():
            if (rung, index) not in lost:
                kept[rung] = max(at_s, kept.get(rung, 0.0))
        return self.lasted_s - max(self.when("span_started")[-1], min(kept.values(), default=0.0))


class Trial:
    """A source, the shape of its uninterrupted result, and stores to publish to."""

    def __init__(self, folder: Path, server: Server, preset: str) -> None:
        self.source, self.work = folder / "in.mp4", folder / "work"
        self._folder, self._server, self._preset = folder, server, preset
        self.work.mkdir()
        ffmpeg(
            *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=20"),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=20"),
            *("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac", "-shortest"),
            self.source,
        )
        whole = str(folder / "whole")
        started_s = time.monotonic()
        if self.submit(whole, None).wait(300) != 0:
            raise SystemExit("the uninterrupted job failed")
        self.longest_s = time.monotonic() - started_s
        self.reference = shape(LocalStore(Path(whole)))

    def open(self, kind: str, name: str) -> Target:
        """Return a store, and the destination and the server that the worker gets."""
        if kind == "local":
            return LocalStore(self._folder / name), str(self._folder / name), None
        store = S3Store(self._server.client(), S3Location(bucket=BUCKET, key=name))
        return store, f"s3://{BUCKET}/{name}", self._server

    def submit(self, destination: str, server: Server | None) -> subprocess.Popen[str]:
        options = (*OPTIONS, "--preset", self._preset)
        arguments = [*options, "--source", str(self.source), "--destination", destination]
        if server:
            arguments += ["--s3-endpoint", server.endpoint]
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.work),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "ap-northeast-2",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return subprocess.Popen(
            [sys.executable, *python_arguments(FAST_LEASE), *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )


def attempt(process: subprocess.Popen[str], after_s: float, number: int) -> Attempt:
    """Let the worker run that long; then send the signal."""
    started, started_s, was_killed = time.time(), time.monotonic(), False
    try:
        stdout, _ = process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        was_killed = True
        os.killpg(process.pid, number)
        stdout, _ = process.communicate(timeout=60)
    lasted_s = time.monotonic() - started_s
    events = []
    for line in stdout.splitlines():
        # The last line of a killed worker may be cut.
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            event["at_s"] = datetime.fromisoformat(event["timestamp"]).timestamp() - started
            events.append(event)
    return Attempt(process.returncode, lasted_s, was_killed, events)


def until_published(trial: Trial, target: Target, number: int, rng: random.Random) -> Tally:
    """Publish one lecture whose worker is killed up to ``MOST_KILLS`` times."""
    store, destination, server = target
    tally, attempts = Tally(), list[Attempt]()
    watcher = Watcher(store)
    while not attempts or attempts[-1].status != 0:
        process = trial.submit(destination, server)
        left_alone = tally.kills == MOST_KILLS
        after_s = 300 if left_alone else rng.uniform(0.2, trial.longest_s)
        made = attempt(process, after_s, number)
        attempts.append(made)
        tally.kills += made.was_killed
        if made.was_killed and number == signal.SIGTERM:
            tally.stops_s.append(made.lasted_s - after_s)
        # While Python is starting, it dies of SIGTERM as anything does.
        if made.status and not (made.was_killed and made.status in {143, -number}):
            tally.wrong.append(f"status {made.status}: {made.events[-5:]}")
            break
    watcher.close()
    tally.reads = watcher.reads
    tally.wrong += watcher.faults
    count_losses(attempts, tally)
    tally.wrong += [f"stopped after {s:.1f} s" for s in tally.stops_s if s > LONGEST_STOP_S]
    try:
        found = shape(store)
        tally.wrong += [
            f"{destination}: {rendition} differs from the uninterrupted one: {difference}"
            for rendition in trial.reference.keys() | found.keys()
            if (difference := compare(trial.reference.get(rendition), found.get(rendition)))
        ]
    except (AssertionError, ClientError) as error:
        tally.wrong.append(f"{destination} is not published whole: {error!r}")
    if not tally.wrong:
        store.delete(store.list(""))
    return tally


def count_losses(attempts: Sequence[Attempt], tally: Tally) -> None:
    """Add what had to be encoded again after each kill, and how soon each job continued."""
    for number, made in enumerate(attempts):
        later = {segment for other in attempts[number + 1 :] for segment in other.encoded}
        lost = made.encoded.keys() & later
        tally.encoded += len(made.encoded)
        tally.again += len(lost)
        worst = max(Counter(rung for rung, _ in lost).values(), default=0)
        if worst > 1:
            tally.wrong.append(f"one kill cost {worst} finished segments of a rung: {lost}")
        tally.lost_s += made.lost_s(lost)
        if made.encoding:
            tally.encode_s += made.encoding[1] - made.encoding[0]
        if any(event.get("segments_resumed") for event in made.events):
            tally.to_ffmpeg_s += made.when("span_started")[:1]
            tally.to_segment_s += list(made.encoded.values())[:1]


def chaos(trial: Trial, kind: str, runs: int, seed: int, number: signal.Signals) -> bool:
    """Print the figures of all runs on one kind of store; return whether nothing was wrong."""
    rng, total = random.Random(seed), Tally()  # noqa: S311
    for run in range(runs):
        tally = until_published(trial, trial.open(kind, f"out-{run}"), number, rng)
        total.add(tally)
        for wrong in tally.wrong:
            print(f"run {run}: {wrong}", file=sys.stderr)
        if (run + 1) % 10 == 0:
            print(f"{run + 1} runs, {total.kills} kills, {len(total.wrong)} wrong", file=sys.stderr)
    print(
        f"{kind}, {number.name}, seed {seed}: {runs} runs, {total.kills} kills,"
        f" {len(total.wrong)} wrong; master.m3u8 read {total.reads} times",
        f"{total.encoded} segments finished, {total.again} of them again"
        f" ({total.again / max(1, total.kills):.3f} a kill); of {total.encode_s:.0f} s of encoding"
        f" {100 * total.lost_s / max(1.0, total.encode_s):.1f} % lost to kills",
        *spread("from the start of a job that resumes to FFmpeg's", total.to_ffmpeg_s),
        *spread("and to its first new segment", total.to_segment_s),
        *spread("from SIGTERM to the end", total.stops_s),
        *total.wrong[:5],
        sep="\n  ",
        flush=True,
    )
    return not total.wrong


def spread(what: str, seconds: Sequence[float]) -> list[str]:
    if not seconds:
        return []
    return [f"{what}: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs on each store (200)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the times of the kills (1)")
    parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
    parser.add_argument("--preset", default="medium", help="preset of all jobs (medium)")
    parser.add_argument("--store", choices=["local", "s3", "both"], default="both")
    options = parser.parse_args()
    number = signal.Signals[f"SIG{options.signal}"]
    kinds = ("local", "s3") if options.store == "both" else (options.store,)
    port = free_port()
    moto = [str(Path(sys.executable).with_name("moto_server")), "-p", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        serve("moto", moto, port) as server,
    ):
        server.make_bucket(BUCKET)
        trial = Trial(Path(folder), server, options.preset)
        well = [chaos(trial, kind, options.runs, options.seed, number) for kind in kinds]
    return int(not all(well))


if __name__ == "__main__":
    sys.exit(main())
