"""How long machines of 2 vCPUs take for three hours of lecture, simulated from what was measured.

Shares are claimed as `worker.team` claims them; FFmpegs share a machine's cores evenly. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.unit.encode.simulation import long_plan
from worker.team.polls import Polls
from worker.team.shares import AUDIO_SHARE, Share, plan_shares

COUNTS = (1, 2, 4, 8, 12, 16, 32, 64)
_HOURS, _CORES = 3, 2
# US dollars for a vCPU-hour of c6g, on demand, as AWS lists it for us-east-1.
_PRICE = 0.034
_STEP_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds of the parts of a job of three hours (docs/performance.md).

    Of the probe and the samples 55 CPU seconds were measured, some of them side by side; of a fetch
    1.5 GB at 150 MB/s are assumed. The key frames for images are 240 at most.

    `encode_cpu_s` is for a second of video in all rungs (`--jobs overhead`). `share_s`: what a
    share costs beside its encode, as so much video: a start of FFmpeg, and a GOP that is decoded
    before it.
    """

    start_s: float = 0.9
    fetch_s: float = 10.0
    probe_s: float = 40.0
    samples_s: float = 3.0
    plan_s: float = 1.0
    encode_cpu_s: float = 0.517
    share_s: float = 1.0
    audio_cpu_s: float = 180.0
    verify_s: float = 2.0
    images_s: float = 4.0
    publish_s: float = 2.0

    @property
    def before_s(self) -> float:
        """Seconds until the machine that leads has planned."""
        return self.start_s + self.fetch_s + self.probe_s + self.samples_s + self.plan_s

    @property
    def after_s(self) -> float:
        """Seconds from the last segment to the end."""
        return self.verify_s + self.images_s + self.publish_s


MEASURED = Measured()


@dataclass
class _Machine:
    """What its FFmpegs have left to do, in CPU seconds."""

    starts_s: float
    left: list[float] = field(default_factory=list)
    has_audio: bool = False

    @property
    def lanes(self) -> int:
        return len(self.left) - self.has_audio


def seconds(machines: int, measured: Measured) -> float:
    """Return how long so many machines take, from the start of their containers."""
    plan = long_plan(lanes=_CORES, hours=_HOURS)
    shares = iter(plan_shares(plan, machines=machines))
    # The others read status.json every three seconds, and fetch what their shares need.
    others_s = measured.before_s + 1.5 + measured.fetch_s / machines
    team = [_Machine(measured.before_s), *(_Machine(others_s) for _ in range(machines - 1))]
    polls, now_s, is_whole = Polls(10.0), measured.before_s, False
    while not is_whole:
        now_s += _STEP_S
        for machine in team:
            if machine.starts_s <= now_s:
                _claim(machine, shares, float(plan.grid.segment_s), measured)
                _work(machine)
        if not team[0].left and polls.is_due(now_s):
            is_whole = not any(machine.left for machine in team)
    return now_s + measured.after_s


def _claim(
    machine: _Machine, shares: Iterator[Share], segment_s: float, measured: Measured
) -> None:
    """Give each idle lane a share; the audio is beside the lanes, one less while it is made."""
    while machine.lanes < _CORES - machine.has_audio and (share := next(shares, None)):
        if share.name == AUDIO_SHARE:
            machine.has_audio = True
            machine.left.append(measured.audio_cpu_s)
        else:
            video_s = len(share.segments) * segment_s * _weight(share) + measured.share_s
            machine.left.append(video_s * measured.encode_cpu_s)


def _weight(share: Share) -> float:
    """Return how heavy a share is: no minute of a lecture is like the next; 1 on average."""
    minutes = [segment // 10 for segment in share.segments]
    return sum(0.7 + 0.2 * (minute % 4) for minute in minutes) / len(minutes)


def _work(machine: _Machine) -> None:
    """Let each FFmpeg use its part of the cores for a step; one uses one core at most."""
    if not machine.left:
        return
    spent_s = _STEP_S * min(1.0, _CORES / len(machine.left))
    # The audio is the first of them, as it is the first share.
    machine.has_audio = machine.has_audio and machine.left[0] > spent_s
    machine.left = [left_s - spent_s for left_s in machine.left if left_s > spent_s]


def team_table(measured: Measured) -> str:
    """Render time and cost of each number of machines, and the parts that stay the same."""
    lines = ["| machines | time | of one machine's | vCPU-hours | cost |", "|---|---|---|---|---|"]
    one_s = seconds(1, measured)
    for count in COUNTS:
        took_s = seconds(count, measured)
        hours = count * _CORES * took_s / 3600
        lines.append(
            f"| {count} | {took_s / 60:.1f} min | {took_s / one_s:.2f} | {hours:.1f}"
            f" | ${hours * _PRICE:.3f} |"
        )
    parts = ("start", "fetch", "probe", "samples", "plan", "verify", "images", "publish")
    named = ", ".join(f"{part} {getattr(measured, part + '_s'):g} s" for part in parts)
    serial_s = measured.before_s + measured.after_s
    note = (
        f"The same with any number: {named}; together {serial_s:.0f} s. The audio is made by one"
        f" machine: {measured.audio_cpu_s:g} s of one core, beside its shares."
    )
    return "\n".join([*lines, "", note])
