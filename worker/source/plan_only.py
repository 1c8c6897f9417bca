"""The plan of a job, for `--plan-only`."""

from __future__ import annotations

from typing import Any

from worker.config.job import Job
from worker.ffmpeg.capabilities import check_environment
from worker.hls.encryption import cipher_for
from worker.plan.digest import run_name
from worker.plan.plan import describe
from worker.runtime.budget import Budget
from worker.runtime.workspace import Tools, open_workspace
from worker.source.prepare import fetch, plan_source
from worker.source.subtitle_files import fit_tracks, open_subtitles
from worker.storage.open import open_source


def plan_job(job: Job, tools: Tools, budget: Budget) -> dict[str, Any]:
    """Return the plan as plain data; nothing is written but the work folder.

    Raises:
        WorkerError: as the steps up to the plan raise it.

    """
    check_environment(tools, budget)
    with open_workspace(job.work_dir, tools=tools, budget=budget) as workspace:
        source = open_source(job, budget)
        subtitles = open_subtitles(job, budget)
        planned = plan_source(fetch(source.content, job, workspace), job, workspace)
        fit_tracks(subtitles, planned.plan.grid)
        source.check_unchanged()
        plan, cipher = planned.plan, cipher_for(job, source.identity, planned.plan)
        run = run_name(source.identity, plan, key_id=cipher.key_id)
        return describe(plan) | cipher.describe() | {"run": run}
