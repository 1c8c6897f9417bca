"""Lectures that several machines make together while some of them are killed or stand still.

Machines come late or never; they, and above all the one that leads, are killed (KILL, TERM), or
stopped (STOP) and go on. Whatever happens, the lecture is published by those that are left.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.chaos.attempts import Attempt, Tally
from tests.chaos.machines import Machine
from tests.chaos.trial import SECRET, Target, Trial
from tests.functional.worker_process import FAST_TEAM, TEAM_STALE_S
from tests.published import Watcher, compare, shape
from worker.layout import MASTER
from worker.publish.manifest import published_keys, read_manifest
from worker.team.shares import AUDIO_SHARE, COPY_SHARE

# Of all that happens to one lecture.
_MOST_HARMS = 6
_AT_PUBLISH_SHARE = 0.25
_KILLS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)
# A machine that is stopped for longer has lost its shares, and the lead.
_LONGEST_STOP_S = 3 * TEAM_STALE_S
# No lecture takes so long: then something waits for what will never come.
_HANGS_S = 240.0
_POLL_S = 0.05
# The rung that some kinds copy.
_COPIED = "360p"


@dataclass
class TeamTally(Tally):
    """The figures of lectures that teams make.

    `encoded` counts segments whose encode was begun; `again` those begun again as a machine was
    killed or stopped, `raced` those where none was. `left` counts objects that nothing names when
    all has ended.
    """

    machines: int = 0
    never: int = 0
    stops: int = 0
    leaders: int = 0
    took_lead: int = 0
    raced: int = 0
    left: int = 0
    lasted_s: float = 0.0


class TeamRun:
    """One lecture, its machines, and what happens to them."""

    def __init__(
        self, trial: Trial, kind: str, target: Target, rng: random.Random, *, machines: int
    ) -> None:
        self.trial, self.kind, self.rng = trial, kind, rng
        self.store, self.destination, self.server = target
        self.reference = trial.reference(kind)
        self.tally = TeamTally()
        self.name = f"team-{rng.randrange(1 << 32):08x}"
        self.machines = [Machine(number, self._start_s()) for number in range(1, machines + 1)]
        # One at least comes, and nobody ever kills it.
        self.survivors = rng.sample(self.machines, rng.randint(1, max(1, machines - 2)))
        for machine in self.survivors:
            machine.starts_s = machine.starts_s or 0.0
        longest_s = 1.5 * trial.longest_s + TEAM_STALE_S
        self.harms_s = sorted(
            rng.uniform(0.5, longest_s) for _ in range(rng.randint(1, _MOST_HARMS))
        )

        # Right after viewers have the video, and before it is recorded that they do.
        self.harms_at_publish = rng.random() < _AT_PUBLISH_SHARE

    def _start_s(self) -> float | None:
        """Choose when a machine starts: most at once, some late, some never."""
        return self.rng.choice(
            [0.0, 0.0, self.rng.uniform(0, 1), self.rng.uniform(0, 2 * self.trial.longest_s), None]
        )

    def until_all_ended(self, logs: Path | None) -> TeamTally:
        watcher = Watcher(self.store)
        began_s = time.monotonic()
        while not all(machine.has_ended for machine in self.machines):
            now_s = time.monotonic() - began_s
            if now_s > _HANGS_S:
                self._note_hang()
                break
            self._go_on(now_s)
            time.sleep(_POLL_S)
        self.tally.lasted_s = time.monotonic() - began_s
        watcher.close()
        self.tally.reads = watcher.reads
        self.tally.wrong += watcher.faults
        self._judge(logs)
        return self.tally

    def _go_on(self, now_s: float) -> None:
        """Start, let go on and harm the machines whose time it is."""
        for machine in self.machines:
            if machine.is_due(now_s):
                machine.start(partial(self._submit, machine))
            if machine.goes_on_s is not None and machine.goes_on_s <= now_s:
                machine.go_on()
        if self.harms_s and self.harms_s[0] <= now_s:
            self.harms_s.pop(0)
            self._harm(now_s, leader_share=0.5)
        if self.harms_at_publish and self.store.get(MASTER):
            self.harms_at_publish = False
            self._harm(now_s, leader_share=1.0)

    def _submit(self, machine: Machine, log: int) -> subprocess.Popen[str]:
        return self.trial.submit(
            self.kind,
            self.destination,
            self.server,
            *("--job-id", f"{self.name}:{machine.number - 1}"),
            *("--machine", f"{machine.number}/{len(self.machines)}"),
            before=FAST_TEAM,
            stdout=log,
        )

    def _harm(self, now_s: float, *, leader_share: float) -> None:
        """Kill or stop a machine; so often the one that leads."""
        running = [
            m for m in self.machines if m.is_running and not m.was_killed and m.goes_on_s is None
        ]
        leaders = [machine for machine in running if machine.number == self._leader()]
        if leaders and self.rng.random() < leader_share:
            running = leaders
        if not running:
            return
        machine = self.rng.choice(running)
        self.tally.leaders += machine in leaders
        if machine in self.survivors or self.rng.random() < 0.5:
            self.tally.stops += 1
            machine.stop(until_s=now_s + self.rng.uniform(0.2, _LONGEST_STOP_S))
        else:
            self.tally.kills += 1
            machine.kill(self.rng.choice(_KILLS))

    def _leader(self) -> int | None:
        content = self.store.get("status.json")
        job_id = json.loads(content.data)["job_id"] if content else ""
        return int(job_id.rpartition(":")[2]) + 1 if job_id.startswith(self.name) else None

    def _note_hang(self) -> None:
        running = [machine.number for machine in self.machines if machine.is_running]
        self.tally.wrong.append(f"machines {running} hang")
        for machine in self.machines:
            if machine.process is not None and machine.is_running:
                machine.kill()
                machine.process.wait()

    def _judge(self, logs: Path | None) -> None:
        tally = self.tally
        tally.machines = sum(machine.process is not None for machine in self.machines)
        tally.never = len(self.machines) - tally.machines
        self._compare()
        texts = {machine.number: machine.text() for machine in self.machines}
        made = {machine.number: machine.read() for machine in self.machines}
        for machine in self.machines:
            status = made[machine.number].status
            if status and not machine.was_killed:
                tally.wrong.append(f"machine {machine.number} ended with {status}")
        tally.took_lead = sum(len(each.when("lead_taken")) for each in made.values())
        tally.wrong += self._count_again(made)
        tally.wrong += self._count_left()
        if not tally.wrong:
            self.store.delete(self.store.list(""))
        elif logs is not None:
            folder = logs / self.name
            folder.mkdir(parents=True)
            for number, text in texts.items():
                (folder / f"{number}.log").write_text(text)
            story = [
                f"{m.number}: starts at {m.starts_s}, killed {m.was_killed}, stopped {m.stops}"
                for m in self.machines
            ]
            (folder / "run").write_text("\n".join([self.kind, *tally.wrong, *story, ""]))

    def _compare(self) -> None:
        """Compare what is published with what an uninterrupted job publishes."""
        try:
            found = shape(self.store, SECRET)
        except AssertionError as error:
            self.tally.wrong.append(f"{self.destination} is not published whole: {error!r}")
            return
        self.tally.wrong += [
            f"{self.destination}: {rendition} differs from the uninterrupted one: {difference}"
            for rendition in self.reference.keys() | found.keys()
            if (difference := compare(self.reference.get(rendition), found.get(rendition)))
        ]

    def _count_again(self, made: dict[int, Attempt]) -> Iterator[str]:
        """Count what was encoded more than once; wrong is what no harmed machine had claimed."""
        has_copy = "copied" in self.kind
        times = Counter(s for each in made.values() for s in _begun(each, has_copy=has_copy))
        self.tally.encoded = times.total()
        harmed = {m.number for m in self.machines if m.was_harmed}
        had: dict[str, set[int]] = {}
        for number, each in made.items():
            for event in each.events:
                if event["event"] in {"share_claimed", "share_taken_over"}:
                    had.setdefault(event["share"], set()).add(number)
        for segment, count in times.items():
            if count == 1:
                continue
            owners = had.get(_share_of(segment, had, has_copy=has_copy), set())
            if owners & harmed or not owners:
                self.tally.again += count - 1
            elif len(owners) > 1:
                # A machine that had too little of the processor to show in time that it lives.
                self.tally.raced += count - 1
            else:
                yield f"{segment} was encoded {count} times by {owners}, which nobody harmed"

    def _count_left(self) -> Iterator[str]:
        """Count what nothing names when all has ended; wrong where no machine was harmed."""
        manifest = read_manifest(self.store)
        if manifest is None:
            return
        named = {*published_keys(manifest), f"{manifest.run}/checkpoint.json"}
        left = {key for key in self.store.list("") if "/" in key} - named
        self.tally.left = len(left)
        if left and not any(machine.was_harmed for machine in self.machines):
            yield f"{len(left)} objects are left, such as {min(left)}"


def _begun(made: Attempt, *, has_copy: bool) -> Iterator[tuple[str, int]]:
    """Yield the segments of video that a machine began to make, each time it did."""
    for event in made.events:
        if event["event"] == "span_started":
            for index in range(event["first"], event["end"]):
                yield from ((rung, index) for rung in event["rungs"])
        elif has_copy and event["event"] == "segment_encoded" and event["rendition"] == _COPIED:
            yield _COPIED, event["index"]


def _share_of(segment: tuple[str, int], names: Iterable[str], *, has_copy: bool) -> str:
    """Return the name of the share that a segment is of."""
    rendition, index = segment
    if has_copy and rendition == _COPIED:
        return COPY_SHARE
    ranges = (name for name in names if name not in {AUDIO_SHARE, COPY_SHARE})
    return next((n for n in ranges if int(n[:5]) <= index < int(n[6:])), "")
