"""Interferes with jobs at random moments, and submits them again until they are published.

A job is killed (KILL, TERM), or stopped (STOP) until another one may have taken its destination
over, and then goes on beside it. Each result is compared with that of an uninterrupted job. A
watcher checks all the time that what the master playlist and the manifest name is stored, byte for
byte. Segments that are encoded more than once are counted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.attempts import Attempt, Tally, count_losses, read_attempt
from tests.chaos.team import TeamRun, TeamTally
from tests.chaos.trial import KINDS, STORES, Target, Trial, serving
from tests.published import Watcher

MOST_KILLS = 6
MOST_ATTEMPTS = 60
LONGEST_STOP_S = 20
TAKEN = 75


class Stopped:
    """A worker that is stopped and goes on after a while, when it may have been taken over."""

    def __init__(self, process: subprocess.Popen[str], for_s: float) -> None:
        self.process = process
        os.kill(process.pid, signal.SIGSTOP)
        self._timer = threading.Timer(for_s, self._go_on)
        self._timer.start()

    def end(self) -> int:
        """Let it go on, and return its exit status."""
        self._timer.cancel()
        self._go_on()
        self.process.communicate(timeout=120)
        return self.process.returncode

    def _go_on(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)


class Run:
    """One lecture that is published in spite of all."""

    def __init__(
        self, trial: Trial, kind: str, target: Target, number: int, rng: random.Random
    ) -> None:
        self.trial, self.kind, self.number, self.rng = trial, kind, number, rng
        self.store, self.destination, self.server = target
        # Made before the first interference.
        trial.reference(kind)
        self.tally = Tally()
        self.attempts: list[Attempt] = []
        self.stopped: list[Stopped] = []

    def until_published(self) -> Tally:
        watcher = Watcher(self.store)
        while not self.tally.wrong and not (self.attempts and self.attempts[-1].status == 0):
            self.submit()
        for each in self.stopped:
            status = each.end()
            self.tally.overtaken += status == TAKEN
            if status not in {0, TAKEN}:
                self.tally.wrong.append(f"a stopped job ended with {status}")
        watcher.close()
        self.tally.reads = watcher.reads
        self.tally.wrong += watcher.faults
        if self.number != signal.SIGSTOP:
            count_losses(self.attempts, self.tally)
        self.tally.wrong += self.trial.differences(self.kind, self.store, self.destination)
        if not self.tally.wrong:
            self.store.delete(self.store.list(""))
        return self.tally

    def submit(self) -> None:
        """Submit the job, interfere with it, and read how it ended."""
        started_s = time.time()
        process = self.trial.submit(self.kind, self.destination, self.server)
        left_alone = self.tally.kills == MOST_KILLS
        after_s = 300.0 if left_alone else self.rng.uniform(0.2, self.trial.longest_s)
        was_killed, stdout = False, ""
        try:
            stdout, _ = process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            was_killed = True
            self.tally.kills += 1
            if self.number == signal.SIGSTOP:
                for_s = self.rng.uniform(0.2, self.trial.longest_s)
                self.stopped.append(Stopped(process, for_s))
                return
            os.killpg(process.pid, self.number)
            stdout, _ = process.communicate(timeout=60)
        made = read_attempt(
            stdout, status=process.returncode, started_s=started_s, was_killed=was_killed
        )
        self.attempts.append(made)
        if was_killed and self.number == signal.SIGTERM:
            self.tally.stops_s.append(made.lasted_s - after_s)
            if self.tally.stops_s[-1] > LONGEST_STOP_S:
                self.tally.wrong.append(f"stopped after {self.tally.stops_s[-1]:.1f} s")
        self.judge(made)

    def judge(self, made: Attempt) -> None:
        """Note a status that is wrong, or more attempts than it may take."""
        # While Python is starting, it dies of SIGTERM as anything does.
        expected = {143, -self.number} if made.was_killed else set()
        if self.number == signal.SIGSTOP:
            # A job that was stopped goes on, and works.
            expected |= {TAKEN}
        if made.status and made.status not in expected:
            self.tally.wrong.append(f"status {made.status}: {made.events[-5:]}")
        if len(self.attempts) > MOST_ATTEMPTS:
            self.tally.wrong.append(f"not published by {MOST_ATTEMPTS} jobs")


def chaos(trial: Trial, store: str, options: argparse.Namespace) -> bool:
    """Print the figures of all runs on one store; return whether nothing was wrong."""
    rng, total = random.Random(options.seed), Tally()  # noqa: S311
    number = signal.Signals[f"SIG{options.signal}"]
    kinds = [options.kind] if options.kind else list(KINDS)
    for run in range(options.runs):
        kind = kinds[(run + options.seed) % len(kinds)]
        tally = Run(trial, kind, trial.open(store, f"out-{run}"), number, rng).until_published()
        total.add(tally)
        for wrong in tally.wrong:
            print(f"run {run} ({kind}): {wrong}", file=sys.stderr)
        if (run + 1) % 10 == 0:
            print(f"{run + 1} runs, {total.kills} kills, {len(total.wrong)} wrong", file=sys.stderr)
    print(*figures(store, number.name, options, total), sep="\n  ", flush=True)
    return not total.wrong


def figures(store: str, signal_name: str, options: argparse.Namespace, total: Tally) -> list[str]:
    what = "stops" if signal_name == "SIGSTOP" else "kills"
    head = f"{store}, {signal_name}, seed {options.seed}: {options.runs} runs"
    checks = f"{len(total.wrong)} wrong; master.m3u8 read {total.reads} times"
    lines = [f"{head}, {total.kills} {what}, {checks}"]
    if signal_name == "SIGSTOP":
        lines.append(f"{total.overtaken} of the stopped jobs found that they were overtaken")
    else:
        lines.append(
            f"{total.encoded} segments finished, {total.again} of them again"
            f" ({total.again / max(1, total.kills):.3f} a kill); of {total.encode_s:.0f} s of"
            f" encoding {100 * total.lost_s / max(1.0, total.encode_s):.1f} % lost to kills"
        )
    lines += spread("from the start of a job that resumes to FFmpeg's", total.to_ffmpeg_s)
    lines += spread("and to its first new segment", total.to_segment_s)
    lines += spread("from SIGTERM to the end", total.stops_s)
    return lines + total.wrong[:5]


def team_chaos(trial: Trial, store: str, options: argparse.Namespace) -> bool:
    """Let teams make lectures on one store, and print their figures; whether nothing was wrong."""
    rng, total = random.Random(options.seed), TeamTally()  # noqa: S311
    kinds = [options.kind] if options.kind else list(KINDS)
    for run in range(options.runs):
        kind = kinds[(run + options.seed) % len(kinds)]
        target = trial.open(store, f"team-{run}")
        team = TeamRun(trial, kind, target, rng, machines=options.machines)
        tally = team.until_all_ended(options.logs)
        total.add(tally)
        for wrong in tally.wrong:
            print(f"run {run} ({kind}, {team.name}): {wrong}", file=sys.stderr)
        if (run + 1) % 10 == 0:
            print(f"{run + 1} runs, {len(total.wrong)} wrong", file=sys.stderr)
    print(*team_figures(store, options, total), sep="\n  ", flush=True)
    return not total.wrong


def team_figures(store: str, options: argparse.Namespace, total: TeamTally) -> list[str]:
    head = f"{store}, teams of {options.machines}, seed {options.seed}: {options.runs} runs"
    again = 100 * total.again / max(1, total.encoded)
    return [
        f"{head}, {len(total.wrong)} wrong; master.m3u8 read {total.reads} times",
        f"{total.machines} machines started, {total.never} never came",
        f"{total.kills} kills and {total.stops} stops, {total.leaders} of them of the leader",
        f"the lead was taken {total.took_lead} times",
        f"{total.encoded} segments encoded, {again:.1f} % of them again after a kill or a stop",
        f"{total.raced} again as a machine was too slow to show that it lives",
        f"{total.left} objects left; {total.lasted_s / max(1, options.runs):.1f} s a run",
        *total.wrong[:5],
    ]


def spread(what: str, seconds: Sequence[float]) -> list[str]:
    if not seconds:
        return []
    return [f"{what}: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="runs on each store (200)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments (1)")
    parser.add_argument("--signal", choices=["KILL", "TERM", "STOP"], default="KILL")
    parser.add_argument(
        "--store",
        choices=STORES,
        action="append",
        help="repeatable; local and moto where none is named; ceph needs scripts/ceph-rig",
    )
    parser.add_argument("--preset", default="medium", help="preset of all jobs (medium)")
    parser.add_argument("--kind", choices=[*KINDS], help="one kind of job; all in turn without it")
    parser.add_argument(
        "--machines",
        type=int,
        default=0,
        help="machines of a team that makes each lecture; they are killed and stopped, --signal"
        " does not count (none: one job after the other)",
    )
    parser.add_argument("--logs", type=Path, help="folder for the logs of teams that went wrong")
    return parser.parse_args()


def main() -> int:
    options = parse()
    stores = tuple(options.store or ("local", "moto"))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        servers = stack.enter_context(serving(stores, folder))
        trial = Trial(folder, servers, options.preset)
        run = team_chaos if options.machines else chaos
        well = [run(trial, store, options) for store in stores]
    return int(not all(well))


if __name__ == "__main__":
    sys.exit(main())
