"""Encodes a few seconds of each rung to learn which of them are worth making."""

from __future__ import annotations

from pathlib import Path

import structlog

from worker.alone import run_alone
from worker.ladder import Rung, worthwhile
from worker.plan import Plan
from worker.process import FailedError, Tools
from worker.samples import Samples, choose_samples, encode_samples, sample_name

log = structlog.get_logger(__name__)


def choose_rungs(plan: Plan, source: Path, *, folder: Path, tools: Tools) -> tuple[Rung, ...]:
    """Return the plan's rungs without those that would hardly be smaller than the one above.

    All of them where the source is too short to sample, or its samples cannot be had.

    Raises:
        WorkerError: as `run_alone` raises it.

    """
    samples = choose_samples(plan)
    if len(plan.rungs) == 1 or samples is None:
        return plan.rungs
    try:
        rates_bps = _measure(plan, samples, source, folder=folder, tools=tools)
    except FailedError as error:
        # What is broken in the source is found, and told, by the encode itself.
        log.debug("pilot_failed", reason=str(error))
        return plan.rungs
    rungs = worthwhile(plan.rungs, rates_bps)
    kept = [rung.name for rung in rungs]
    log.info("ladder_chosen", rungs=kept, sampled_bps=rates_bps)
    return rungs


def _measure(
    plan: Plan, samples: Samples, source: Path, *, folder: Path, tools: Tools
) -> dict[str, int]:
    run_alone(
        "ffmpeg (pilot)",
        lambda pipes: encode_samples(plan, samples, source, ffmpeg_path=tools.ffmpeg, pipes=pipes),
        folder=folder,
        tools=tools,
    )
    rates_bps = {}
    for rung in plan.rungs:
        path = folder / sample_name(rung)
        rates_bps[rung.name] = round(8 * path.stat().st_size / float(samples.total_s))
        path.unlink()
    return rates_bps
