"""The plan of a job and what it would take, for `--plan-only`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from worker.config.job import Job
from worker.ffmpeg.capabilities import check_environment
from worker.ffmpeg.run import FFMPEG_FAILURES, run_ffmpeg
from worker.hls.encryption import cipher_for
from worker.plan.digest import run_name
from worker.plan.plan import describe
from worker.runtime.budget import Budget
from worker.runtime.resources import count_cores, cpu_s
from worker.runtime.workspace import Tools, Workspace, open_workspace
from worker.source.fetch.sources import fetch
from worker.source.prepare import PlannedSource, plan_source
from worker.source.sample_encode import encode_samples, sample_file, sampled_parts, spread_samples
from worker.source.subtitle_files import fit_tracks, open_subtitles
from worker.storage.open import open_sources

_HOUR_S = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a job would take on this machine; None where that is not known.

    `cpu_s`: CPU seconds of planning and of the video's encode, at the preset that it begins with.
    `elapsed_s`: those of the encode side by side on all `cores`, after what planning took here, the
    download included. `cost`: of the cores for that time. The upload is not in it.
    """

    cores: int
    cpu_s: float | None = None
    elapsed_s: float | None = None
    cost: float | None = None


def plan_job(job: Job, tools: Tools, budget: Budget) -> dict[str, Any]:
    """Return the plan as plain data; nothing is written but the work folder.

    Raises:
        WorkerError: as the steps up to the plan raise it.

    """
    check_environment(tools, budget)
    with open_workspace(job.work_dir, tools=tools, budget=budget) as workspace:
        source = open_sources(job, budget)
        subtitles = open_subtitles(job, budget)
        planned = plan_source(fetch(source, job, workspace), job, workspace)
        fit_tracks(subtitles, planned.plan.grid, job.clip)
        source.check_unchanged()
        plan, cipher = planned.plan, cipher_for(job, source.identity, planned.plan)
        run = run_name(source.identity, plan, key_id=cipher.key_id)
        estimate = asdict(_estimate(planned, workspace, price=job.price))
        return describe(plan) | cipher.describe() | {"run": run, "estimate": estimate}


def _estimate(planned: PlannedSource, workspace: Workspace, *, price: float | None) -> Estimate:
    """Add what the encode takes to what planning has taken, which the job does as well."""
    planned_cpu_s, planned_s = cpu_s(), workspace.budget.elapsed_s
    cores = count_cores()
    encode_cpu_s = _encode_cpu_s(planned, workspace)
    if encode_cpu_s is None:
        return Estimate(cores=cores)
    elapsed_s = planned_s + encode_cpu_s / cores
    return Estimate(
        cores=cores,
        cpu_s=round(planned_cpu_s + encode_cpu_s, 1),
        elapsed_s=round(elapsed_s, 1),
        cost=None if price is None else round(elapsed_s / _HOUR_S * cores * price, 4),
    )


def _encode_cpu_s(planned: PlannedSource, workspace: Workspace) -> float | None:
    """Encode samples as the job would, and scale what that took to the whole; None without any."""
    plan = planned.plan
    if not plan.rungs:
        return None
    rungs = [rung for rung in plan.rungs if not rung.is_copied]
    before_s, frames = cpu_s(), 0
    for index in sampled_parts(plan):
        part, path = plan.alone(index), planned.paths[index]
        samples = spread_samples(part)
        if samples is None:
            continue
        command = encode_samples(part, samples, path, rungs=rungs, preset=plan.presets[0])
        try:
            run_ffmpeg("ffmpeg (estimate)", command, workspace)
        except FFMPEG_FAILURES:
            # What is broken in the source is found, and reported, by the encode itself.
            return None
        for rung in rungs:
            (workspace.folder / sample_file(rung)).unlink()
        frames += samples.grid.total_frames
    return (cpu_s() - before_s) * plan.grid.total_frames / frames if frames else None
