"""A team whose leader is stopped or killed at the worst moments: another machine publishes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.functional.conftest import wait_for
from tests.functional.worker_process import FAST_TEAM, Running, StartWorker
from tests.published import shape
from worker.publish.manifest import read_manifest
from worker.storage.local import LocalStore

_HARM = """
import os, signal, worker.{module} as module
def harmed(function, is_it=lambda *_, **__: True):
    def harm(*arguments, **options):
        if is_it(*arguments, **options):
            os.kill(os.getpid(), signal.{signal})
        return function(*arguments, **options)
    return harm
module.{name} = harmed(module.{name}{condition})
"""
# Where the function of a module is called, and this holds.
_BEFORE_IT_CLAIMS_A_SECOND_SHARE = (
    "team.claims",
    "Claims.take",
    ", lambda claims, *_: any('-' in name for name in claims._seen)",
)
# After it saw that it has the lease.
_BEFORE_IT_RECORDS_THE_RUN = (
    "storage.local",
    "LocalStore.replace",
    ", lambda _, file, **__: file.key.endswith('/checkpoint.json')",
)
_BEFORE_IT_PUBLISHES = ("publish.publish", "put_all", "")
_AFTER_IT_PUBLISHED = ("publish.publish", "write_manifest", "")


def machine(start_worker: StartWorker, folder: Path, clip: Path, number: int, harm: str) -> Running:
    return start_worker(
        *("--source", clip, "--destination", folder / "out", "--segment", 2),
        *("--ladder", "180", "--preset", "ultrafast"),
        *("--machine", f"{number}/2", "--job-id", "team"),
        before=FAST_TEAM + harm,
    )


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        (_BEFORE_IT_CLAIMS_A_SECOND_SHARE, "SIGSTOP"),
        (_BEFORE_IT_RECORDS_THE_RUN, "SIGSTOP"),
        (_BEFORE_IT_PUBLISHES, "SIGSTOP"),
        (_BEFORE_IT_PUBLISHES, "SIGKILL"),
        (_AFTER_IT_PUBLISHED, "SIGSTOP"),
        (_AFTER_IT_PUBLISHED, "SIGKILL"),
    ],
)
def test_another_machine_publishes_what_the_leader_cannot(
    start_worker: StartWorker,
    tmp_path: Path,
    calm_clip: Path,
    moment: tuple[str, str, str],
    name: str,
) -> None:
    """A leader that goes on after that leaves as the others do. Neither leaves anything behind."""
    module, function, condition = moment
    harm = _HARM.format(module=module, name=function, condition=condition, signal=name)
    leader = machine(start_worker, tmp_path, calm_clip, 1, harm)
    wait_for((tmp_path / "out" / "status.json").exists, what="leader")
    other = machine(start_worker, tmp_path, calm_clip, 2, "")
    ended = other.wait()
    assert ended.status == 0, ended.stdout
    assert ended.named("lead_taken")
    os.kill(leader.process.pid, signal.SIGCONT)
    led = leader.wait()
    assert led.status == (0 if name == "SIGSTOP" else -signal.SIGKILL), led.stdout
    store = LocalStore(tmp_path / "out")
    assert len(shape(store)["180p/index.m3u8"]) == 14
    manifest = read_manifest(store)
    assert manifest
    if not ended.final.get("already_published"):
        # The minutes of the video count for it.
        assert ended.final["duration_s"] == manifest.duration_s
    if led.status == 0 and moment != _AFTER_IT_PUBLISHED:
        assert not led.final["leads"]
        assert "duration_s" not in led.final
    assert not store.list(f"{manifest.run}/team-")
