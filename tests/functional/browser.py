"""Headless Chromium, driven by a program of tests/node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from tests.functional.conftest import ROOT

NODE = ROOT / "tests" / "node"
# A task, and its options by name.
RunTask: TypeAlias = Callable[..., Any]
# Not faults of what is published. The first also occurs with an audio rendition of FFmpeg itself:
# hls.js queues the first segment before it has buffers for both, and then finds no growth. The
# second is a load that a change of rung made needless. The third occurs on a busy machine with all
# of it buffered: a gap would be skipped (bufferSeekOverHole, bufferNudgeOnStall), which is a fault.
HARMLESS = {"bufferAppendNoProgress", "aborted", "bufferStalledError"}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def run_in_browser(driver: str, task: str, **options: object) -> Any:  # noqa: ANN401 (JSON)
    """Run a task of a driver; without a browser or Node.js packages the test is skipped."""
    browser = _find_browser()
    if not shutil.which("node") or not (NODE / "node_modules").is_dir():
        pytest.skip("no Node.js packages; run scripts/setup --dev where there is npm")
    answer = subprocess.run(
        ["node", NODE / driver],
        input=json.dumps({"executable": browser, "task": task, **options}),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-4000:]
    return json.loads(answer.stdout)


def assert_no_fault(found: Mapping[str, Any]) -> None:
    assert [fault for fault in found["faults"] if fault["fatal"]] == []
    assert [fault for fault in found["faults"] if fault["details"] not in HARMLESS] == []


def _find_browser() -> str:
    names = [os.environ.get("WORKER_CHROMIUM") or "", *_BROWSERS]
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if not found:
        pytest.skip("there is no Chromium (Debian: chromium); run scripts/setup --dev")
    return found
