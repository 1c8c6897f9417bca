"""Selects before the encode what may be copied and which rungs are worth making, by samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from worker.config.job import Job
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg
from worker.ffmpeg.stream_copy import IdrIndex, list_idrs
from worker.plan.ladder import Rung, drop_similar_rungs
from worker.plan.passthrough import (
    is_light,
    peak_rate_bps,
    plan_copy,
    source_rate_bps,
    why_encode,
)
from worker.plan.plan import Plan
from worker.plan.stillness import fit_to_stillness
from worker.runtime.workspace import Workspace
from worker.source.sample_encode import (
    SampledRate,
    Samples,
    choose_samples,
    encode_samples,
    read_sampled_rate,
    sample_file,
    sampled_parts,
    together,
)

log = structlog.get_logger(__name__)

_H264 = "h264"

_Rates = Mapping[str, SampledRate]


def select_ladder(plan: Plan, job: Job, sources: Sequence[Path], workspace: Workspace) -> Plan:
    """Return the plan with the top rung copied where it fits, and without rungs hardly lighter.

    One that is encoded is fitted to how much it moves. As it was where the source is too short to
    sample. `sources` are the files of its parts.

    Raises:
        WorkerError: as `run_ffmpeg` raises it.

    """
    copied = None
    if job.copy_top != "never" and plan.media.video.codec == _H264:
        found = _copy(plan, sources[0], workspace)
        if isinstance(found, str):
            log.info("top_rung_encoded", reason=found)
        else:
            copied = found
    needs_samples = not copied or job.ladder == "auto" or job.copy_top == "auto"
    rates = _sample(plan, job, sources, workspace) if needs_samples else {}
    if copied:
        selected = _select_copy(plan, copied, job, rates)
        if isinstance(selected, Plan):
            log.info("top_rung_copied", bit_rate_bps=source_rate_bps(plan))
            return selected
        log.info("top_rung_encoded", reason=selected)
    rungs = _worthwhile(plan, job, _busiest_bps(rates))
    if job.ladder == "auto" and len(rates) > 1:
        log.info(
            "ladder_chosen",
            rungs=[rung.name for rung in rungs],
            sampled_bps={name: rate.mean_bps for name, rate in rates.items()},
            sampled_busiest_bps=_busiest_bps(rates),
        )
    return _fit(replace(plan, rungs=rungs), job, rates)


def _fit(plan: Plan, job: Job, rates: _Rates) -> Plan:
    rate = rates.get(plan.rungs[0].name)
    if rate is None:
        return plan
    fitted = fit_to_stillness(
        plan,
        key_share=rate.key_share,
        busiest_bps=rate.busiest_bps,
        may_lengthen=job.segment_s == "auto",
    )
    log.info(
        "fitted_to_stillness",
        key_share=round(rate.key_share, 3),
        crf=fitted.rungs[0].crf,
        segment_s=float(fitted.grid.segment_s),
    )
    return fitted


def _select_copy(plan: Plan, copied: Plan, job: Job, rates: _Rates) -> Plan | str:
    top = plan.rungs[0].name
    encoded_bps = rates[top].mean_bps if top in rates else 0
    if job.copy_top == "auto" and not is_light(plan, encoded_bps):
        return "an encode is lighter, or its bit rate not known"
    rungs = _worthwhile(copied, job, {**_busiest_bps(rates), top: peak_rate_bps(copied)})
    if len(rungs) > 1:
        return replace(copied, rungs=rungs)
    # A copy is not decoded: alone, it would not be known whether it can be.
    beside = copied.rungs[-1]
    if job.copy_top == "auto":
        # All were sampled, or none would have been found not to be worth making.
        encoded = _worthwhile(plan, job, _busiest_bps(rates))
        alone_bps = sum(rates[rung.name].mean_bps for rung in encoded)
        if alone_bps < source_rate_bps(copied) + rates[beside.name].mean_bps:
            return "an encode is lighter than a copy with the smaller rung that it needs"
    return replace(copied, rungs=(rungs[0], beside))


def _worthwhile(plan: Plan, job: Job, busiest_bps: Mapping[str, int]) -> tuple[Rung, ...]:
    """Leave out rungs that are hardly lighter for a player, which loads the audio with each."""
    if job.ladder != "auto" or any(rung.name not in busiest_bps for rung in plan.rungs):
        return plan.rungs
    audio_bps = plan.audio.bit_rate_bps if plan.audio else 0
    loaded_bps = {name: bps + audio_bps for name, bps in busiest_bps.items()}
    return drop_similar_rungs(plan.rungs, loaded_bps)


def _busiest_bps(rates: _Rates) -> dict[str, int]:
    """Return each rung's bit rate where a poor network needs a lighter one most."""
    return {name: rate.busiest_bps for name, rate in rates.items()}


def _copy(plan: Plan, source: Path, workspace: Workspace) -> Plan | str:
    """Plan a copy of the top rung, or return why there is none."""
    if reason := why_encode(plan):
        return reason
    index = IdrIndex(plan)
    try:
        run_ffmpeg(
            "ffmpeg (keyframes)",
            list_idrs(plan, source),
            workspace,
            on_line=lambda line: index.add(line.label, line.text),
        )
    except FFMPEG_FAILURES as error:
        return f"its keyframes cannot be read: {error}"
    if index.parameters_change:
        return "its size or other parameters change within the video"
    return plan_copy(plan, index.frames)


def _sample(plan: Plan, job: Job, sources: Sequence[Path], workspace: Workspace) -> _Rates:
    """Measure the bit rates of the rungs that may be left out, and the top one's; or none."""
    if job.ladder != "auto":
        plan = replace(plan, rungs=plan.rungs[:1])
    measured: list[tuple[int, _Rates]] = []
    for index in sampled_parts(plan):
        part = plan.alone(index)
        samples = choose_samples(part)
        if samples is None:
            continue
        try:
            rates = _measure(part, samples, sources[index], workspace)
        except FFMPEG_FAILURES as error:
            # What is broken in the source is found, and reported, by the encode itself; but where
            # FFmpeg lacks a part, nothing else shows that all rungs are made of every upload.
            log.warning("sample_encode_failed", reason=str(error))
            return {}
        measured.append((part.grid.total_frames, rates))
    return _together(plan.rungs, measured)


def _together(rungs: Sequence[Rung], measured: Sequence[tuple[int, _Rates]]) -> _Rates:
    """Return the bit rates of several parts, each of so many frames, as those of one video."""
    if len(measured) <= 1:
        return next((rates for _, rates in measured), {})
    return {
        rung.name: together([(frames, rates[rung.name]) for frames, rates in measured])
        for rung in rungs
    }


def _measure(plan: Plan, samples: Samples, source: Path, workspace: Workspace) -> _Rates:
    command = encode_samples(plan, samples, source, rungs=plan.rungs)
    run_ffmpeg("ffmpeg (samples)", command, workspace)
    rates = {}
    for rung in plan.rungs:
        path = workspace.folder / sample_file(rung)
        rates[rung.name] = read_sampled_rate(samples, rung, path.read_text().splitlines())
        path.unlink()
    return rates
