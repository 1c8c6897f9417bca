"""A job starts without libraries that it does not use."""

from __future__ import annotations

import re
from pathlib import Path

from tests.functional.worker_process import RunWorker

# Each takes a tenth of a second or more: rich is for terminals, boto3 for S3 and CloudWatch.
NOT_NEEDED = {"rich.console", "boto3", "botocore.session", "watchtower", "http.server"}


def test_a_job_between_local_folders_that_logs_json_imports_neither_rich_nor_boto3(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", short_clip, "--destination", tmp_path / "out"),
        environment={"PYTHONPROFILEIMPORTTIME": "1"},
    )
    assert ended.status == 0
    imported = set(re.findall(r"\| +([\w.]+)$", ended.stderr, re.MULTILINE))
    assert "worker.pipeline" in imported
    assert imported & NOT_NEEDED == set()
