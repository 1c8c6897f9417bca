"""Looks into a source before its encode: what may be copied, which rungs are worth making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from worker.alone import CAME_TO_NOTHING, run_alone
from worker.command import PROGRESS
from worker.copying import (
    IDRS,
    PARAMETERS,
    Skimmed,
    copy_top,
    is_light,
    list_idrs,
    peak_rate_bps,
    source_rate_bps,
    why_encode,
)
from worker.job import Job
from worker.ladder import Rung, worthwhile
from worker.plan import Plan
from worker.process import Tools
from worker.samples import (
    Samples,
    Weight,
    choose_samples,
    encode_samples,
    read_weight,
    sample_name,
)

log = structlog.get_logger(__name__)

_H264 = "h264"

_Weights = Mapping[str, Weight]


def settle_ladder(plan: Plan, job: Job, source: Path, *, folder: Path, tools: Tools) -> Plan:
    """Return the plan with the top rung copied where that is fit, and without rungs hardly lighter.

    As it was where the job asks for neither, or the source is too short to sample.

    Raises:
        WorkerError: as `run_alone` raises it.

    """
    copied = None
    if job.copy_top != "never" and plan.media.video.codec == _H264:
        found = _copy(plan, source, folder=folder, tools=tools)
        if isinstance(found, str):
            log.info("top_rung_encoded", reason=found)
        else:
            copied = found
    needs_samples = job.ladder == "auto" or (copied and job.copy_top == "auto")
    weights = _sample(plan, source, folder=folder, tools=tools) if needs_samples else {}
    if copied:
        settled = _settle_copy(plan, copied, job, weights)
        if isinstance(settled, Plan):
            log.info("top_rung_copied", bit_rate_bps=source_rate_bps(plan))
            return settled
        log.info("top_rung_encoded", reason=settled)
    rungs = _worthwhile(plan, job, _busiest_bps(weights))
    if job.ladder == "auto" and weights:
        log.info(
            "ladder_chosen",
            rungs=[rung.name for rung in rungs],
            sampled_bps={name: weight.mean_bps for name, weight in weights.items()},
            sampled_busiest_bps=_busiest_bps(weights),
        )
    return replace(plan, rungs=rungs)


def _settle_copy(plan: Plan, copied: Plan, job: Job, weights: _Weights) -> Plan | str:
    top = plan.rungs[0].name
    encoded_bps = weights[top].mean_bps if top in weights else 0
    if job.copy_top == "auto" and not is_light(plan, encoded_bps):
        return "an encode is lighter, or its weight not known"
    rungs = _worthwhile(copied, job, {**_busiest_bps(weights), top: peak_rate_bps(copied)})
    # A copy is not decoded: alone, nobody would know whether it can be.
    return replace(copied, rungs=rungs if len(rungs) > 1 else (rungs[0], copied.rungs[-1]))


def _worthwhile(plan: Plan, job: Job, busiest_bps: Mapping[str, int]) -> tuple[Rung, ...]:
    """Leave out rungs that a player would hardly find lighter: it loads the sound with each."""
    if job.ladder != "auto" or any(rung.name not in busiest_bps for rung in plan.rungs):
        return plan.rungs
    sound_bps = plan.audio.bit_rate_bps if plan.audio else 0
    return worthwhile(plan.rungs, {name: bps + sound_bps for name, bps in busiest_bps.items()})


def _busiest_bps(weights: _Weights) -> dict[str, int]:
    """Of each rung what it weighs when a poor network needs a lighter one most."""
    return {name: weight.busiest_bps for name, weight in weights.items()}


def _copy(plan: Plan, source: Path, *, folder: Path, tools: Tools) -> Plan | str:
    """Plan a copy of the top rung, or say why there is none."""
    if reason := why_encode(plan):
        return reason
    skimmed = Skimmed(plan)
    try:
        run_alone(
            "ffmpeg (keyframes)",
            lambda pipes: list_idrs(plan, source, ffmpeg_path=tools.ffmpeg, pipes=pipes),
            folder=folder,
            tools=tools,
            labels=[IDRS, PARAMETERS, PROGRESS],
            on_line=lambda line: skimmed.take(line.label, line.text),
        )
    except CAME_TO_NOTHING as error:
        return f"its keyframes cannot be read: {error}"
    if skimmed.changes_on_the_way:
        return "its size or other parameters change on the way"
    return copy_top(plan, skimmed.places)


def _sample(plan: Plan, source: Path, *, folder: Path, tools: Tools) -> _Weights:
    """Measure the bit rates of each rung; nothing where there is one rung or no sample."""
    samples = choose_samples(plan)
    if len(plan.rungs) == 1 or samples is None:
        return {}
    try:
        return _measure(plan, samples, source, folder=folder, tools=tools)
    except CAME_TO_NOTHING as error:
        # What is broken in the source is found, and told, by the encode itself; but where FFmpeg
        # lacks a part, nothing else tells that all rungs are made of every upload.
        log.warning("pilot_failed", reason=str(error))
        return {}


def _measure(plan: Plan, samples: Samples, source: Path, *, folder: Path, tools: Tools) -> _Weights:
    run_alone(
        "ffmpeg (pilot)",
        lambda pipes: encode_samples(plan, samples, source, ffmpeg_path=tools.ffmpeg, pipes=pipes),
        folder=folder,
        tools=tools,
    )
    weights = {}
    for rung in plan.rungs:
        path = folder / sample_name(rung)
        weights[rung.name] = read_weight(samples, rung, path.read_text().splitlines())
        path.unlink()
    return weights
