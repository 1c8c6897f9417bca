"""Kills the worker at random moments and submits the job again until it is published.

Each result is held against that of an uninterrupted job; a watcher looks all the time whether the
master playlist names anything that is not there; and what was encoded more than once is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from tests.functional.conftest import ACCESS_KEY, SECRET_KEY, Server, entry, ffmpeg, free_port
from tests.functional.conftest import serving as serve
from worker.location import S3Location
from worker.store import LocalStore, S3Store, Store
from worker.transport_stream import read_segment

# The lease's proportions, faster: a killed job is taken over after a second.
FAST_LEASE = (
    "import worker.lease as lease, worker.status as status\n"
    "lease.STALE_S, lease._WATCH_S = 1.0, 0.1\n"
    "status.HEARTBEAT_S, status._LEAST_INTERVAL_S = 0.3, 0.1"
)
OPTIONS = ("--ladder", "360,180", "--segment", "2", "--preset", "medium", "--log-level", "debug")
BUCKET = "chaos"
MOST_KILLS = 6
LONGEST_STOP_S = 20
# Of one rendition: its durations, then each segment's name, frames and times.
Rows: TypeAlias = list[tuple[Any, ...]]


@dataclass
class Tally:
    """What one lecture came to, or many."""

    kills: int = 0
    encoded: int = 0
    again: int = 0
    looks: int = 0
    slowest_stop_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.kills += other.kills
        self.encoded += other.encoded
        self.again += other.again
        self.looks += other.looks
        self.slowest_stop_s = max(self.slowest_stop_s, other.slowest_stop_s)
        self.wrong += other.wrong


class Watcher:
    """Reads the master playlist without pause, and all that it names."""

    def __init__(self, store: Store) -> None:
        self.faults: list[str] = []
        self.looks = 0
        self._store = store
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(0.02):
            master = self._store.get("master.m3u8")
            self.looks += 1
            if master is None:
                continue
            listing = self._store.list("")
            for playlist in names(master.data):
                content = self._store.get(playlist)
                folder = playlist.rpartition("/")[0]
                segments = names(content.data) if content else [""]
                self.faults += [
                    f"{folder}/{name} is missing"
                    for name in segments
                    if f"{folder}/{name}" not in listing
                ]
            if self.faults:
                return


def names(playlist: bytes) -> list[str]:
    return [line for line in playlist.decode().splitlines() if line and line[0] != "#"]


def shape(store: Store) -> dict[str, Rows]:
    """Every rendition's durations, and each segment's frames and times, read from the store."""
    master = store.get("master.m3u8")
    assert master is not None
    found: dict[str, Rows] = {}
    for playlist in names(master.data):
        content = store.get(playlist)
        assert content is not None
        folder = playlist.rpartition("/")[0]
        rows: Rows = []
        lines = content.data.decode().splitlines()
        rows += [(line,) for line in lines if line.startswith("#EXTINF")]
        for name in names(content.data):
            segment = store.get(f"{folder}/{name}")
            assert segment is not None
            reading = read_segment(segment.data)
            rows.append((name, reading.frames, reading.first_pts_ticks, reading.last_pts_ticks))
        found[folder.rpartition("/")[2]] = rows
    return found


def compare(expected: Rows | None, found: Rows | None) -> str:
    """Tell the first difference; nothing where there is none."""
    for pair in zip_longest(expected or [("no rendition",)], found or [("no rendition",)]):
        if pair[0] != pair[1]:
            return f"{pair[1]}, not {pair[0]}"
    return ""


class Arena:
    """A source, the shape of its uninterrupted result, and a store to work on."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.source, self.work = folder / "in.mp4", folder / "work"
        self._folder, self._server = folder, server
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

    def place(self, kind: str, name: str) -> tuple[Store, str, Server | None]:
        """A store, and the destination and the server that the worker is told of."""
        if kind == "local":
            return LocalStore(self._folder / name), str(self._folder / name), None
        store = S3Store(self._server.client(), S3Location(bucket=BUCKET, key=name))
        return store, f"s3://{BUCKET}/{name}", self._server

    def submit(self, destination: str, server: Server | None) -> subprocess.Popen[str]:
        arguments = [*OPTIONS, "--source", str(self.source), "--destination", destination]
        if server:
            arguments += ["--s3-endpoint", server.endpoint]
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.work),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return subprocess.Popen(
            [sys.executable, *entry(FAST_LEASE), *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )


def encoded(stdout: str) -> Counter[tuple[str, int]]:
    """Video segments that FFmpeg finished, by the worker's own log."""
    found: Counter[tuple[str, int]] = Counter()
    for line in stdout.splitlines():
        if '"segment_encoded"' in line and line.endswith("}"):
            event = json.loads(line)
            if event["rendition"] != "audio":
                found[event["rendition"], event["index"]] += 1
    return found


def attempt(process: subprocess.Popen[str], after_s: float, number: int, tally: Tally) -> str:
    """Let the worker live that long; then a signal. Returns what it logged."""
    try:
        return process.communicate(timeout=after_s)[0]
    except subprocess.TimeoutExpired:
        tally.kills += 1
    started_s = time.monotonic()
    os.killpg(process.pid, number)
    stdout, _ = process.communicate(timeout=60)
    if number == signal.SIGTERM:
        took_s = time.monotonic() - started_s
        tally.slowest_stop_s = max(tally.slowest_stop_s, took_s)
        if took_s > LONGEST_STOP_S:
            tally.wrong.append(f"stopped after {took_s:.1f} s")
    return stdout


def until_published(
    arena: Arena, place: tuple[Store, str, Server | None], number: int, rng: random.Random
) -> Tally:
    """One lecture, killed up to ``MOST_KILLS`` times, then left alone."""
    store, destination, server = place
    tally, made, kills = Tally(), Counter[tuple[str, int]](), 0
    watcher = Watcher(store)
    while True:
        process = arena.submit(destination, server)
        left_alone = tally.kills == MOST_KILLS
        after_s = 300 if left_alone else rng.uniform(0.2, arena.longest_s)
        stdout = attempt(process, after_s, number, tally)
        made += encoded(stdout)
        if process.returncode == 0:
            break
        # While Python is starting, it dies of SIGTERM as anything does.
        if tally.kills == kills or process.returncode not in {143, -number}:
            tally.wrong.append(f"status {process.returncode}: {stdout[-3000:]}")
            break
        kills = tally.kills
    watcher.close()
    again = Counter({rung: 0 for rung, _ in made})
    for (rung, _), count in made.items():
        again[rung] += count - 1
    tally.encoded, tally.again, tally.looks = sum(made.values()), sum(again.values()), watcher.looks
    if max(again.values()) > tally.kills:
        tally.wrong.append(f"{dict(again)} segments encoded again after {tally.kills} kills")
    tally.wrong += watcher.faults
    try:
        found = shape(store)
        tally.wrong += [
            f"{destination}: {rendition} differs from the uninterrupted one: {difference}"
            for rendition in arena.reference.keys() | found.keys()
            if (difference := compare(arena.reference.get(rendition), found.get(rendition)))
        ]
    except (AssertionError, ClientError) as error:
        tally.wrong.append(f"{destination} is not published whole: {error!r}")
    if not tally.wrong:
        store.delete(store.list(""))
    return tally


def chaos(arena: Arena, kind: str, runs: int, seed: int, number: signal.Signals) -> bool:
    """Print what came of all runs on one kind of store; whether all was well."""
    rng, total = random.Random(seed), Tally()  # noqa: S311
    for run in range(runs):
        tally = until_published(arena, arena.place(kind, f"out-{run}"), number, rng)
        total.add(tally)
        for wrong in tally.wrong:
            print(f"run {run}: {wrong}", file=sys.stderr)
        if (run + 1) % 10 == 0:
            print(f"{run + 1} runs, {total.kills} kills, {len(total.wrong)} wrong", file=sys.stderr)
    stop = f", slowest stop {total.slowest_stop_s:.1f} s" if number == signal.SIGTERM else ""
    print(
        f"{kind}, {number.name}, seed {seed}: {runs} runs, {total.kills} kills{stop},"
        f" {len(total.wrong)} wrong; {total.encoded} segments encoded, {total.again} of them"
        f" again ({total.again / max(1, total.kills):.2f} a kill); master.m3u8 looked at"
        f" {total.looks} times",
        *total.wrong[:5],
        sep="\n  ",
        flush=True,
    )
    return not total.wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs on each store (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (1)")
    parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
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
        server.client().create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"}
        )
        arena = Arena(Path(folder), server)
        well = [chaos(arena, kind, options.runs, options.seed, number) for kind in kinds]
    return int(not all(well))


if __name__ == "__main__":
    sys.exit(main())
