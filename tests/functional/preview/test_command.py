"""The preview as a command: what it refuses, how it ends, the report that it writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.digests import without_digests
from tests.functional.conftest import ROOT
from tests.functional.preview.previewing import Previewing, Sample


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", "preview", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_that_is_in_use_ends_the_preview_with_64(served: Previewing, sample: Sample) -> None:
    ended = run(sample.folder, "--port", urlsplit(served.url).port)
    assert ended.returncode == 64
    assert "Address already in use" in ended.stderr


def test_an_unpublished_folder_is_refused_with_the_jobs_state(
    sample: Sample, tmp_path: Path
) -> None:
    empty = run(tmp_path)
    assert empty.returncode == 66
    assert "holds no master.m3u8" in empty.stderr
    status = {
        "schema_version": 2,
        "job_id": "job-1",
        "started_at": "2026-01-01T00:00:00+00:00",
        "updated_at": "2026-01-01T00:01:00+00:00",
        "step": "encode",
        "percent": 43,
    }
    (tmp_path / "status.json").write_text(json.dumps(status))
    assert "a job is working on it: encode, 43%" in run(tmp_path).stderr
    outcome = {"exit_status": 124, "name": "budget_spent", "message": "too late"}
    (tmp_path / "status.json").write_text(json.dumps({**status, "outcome": outcome}))
    assert "ended with 124: too late" in run(tmp_path).stderr
    (tmp_path / "master.m3u8").write_text("#EXTM3U\n")
    assert "holds no readable manifest.json" in run(tmp_path).stderr
    (tmp_path / "manifest.json").write_text('{"run": "x"}')
    foreign = run(tmp_path)
    assert foreign.returncode == 66
    assert "holds no readable manifest.json" in foreign.stderr
    shutil.copy(sample.folder / "manifest.json", tmp_path)
    (tmp_path / sample.run).mkdir()
    (tmp_path / sample.run / "checkpoint.json").write_text('{"run": "x"}')
    unreadable = run(tmp_path)
    assert unreadable.returncode == 66
    assert "checkpoint.json" in unreadable.stderr
    assert "Traceback" not in unreadable.stderr


def test_without_its_player_the_message_names_the_setup_command(
    sample: Sample, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT / "worker", tree / "worker", ignore=shutil.ignore_patterns("hls.*", "__pycache__")
    )
    ended = subprocess.run(
        [sys.executable, "-m", "worker", "preview", str(sample.folder)],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 78
    assert "run scripts/setup --preview" in ended.stderr


def test_the_report_is_one_file_in_the_run_folder(sample: Sample) -> None:
    ended = run(sample.folder, "--report")
    assert ended.returncode == 0, ended.stderr
    report = Path(ended.stdout.strip())
    assert report.parent == sample.folder / sample.run
    assert without_digests(report.name) == "report.html"
    text = report.read_text()
    assert "superfast" in text
    assert "veryfast" in text
    assert not re.search(r'(?:src|href)="(?!data:)', text), "it loads no other file"
