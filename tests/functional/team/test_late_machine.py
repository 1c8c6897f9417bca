"""A machine that starts when the job of its team has ended, and another job has published since."""

from __future__ import annotations

import uuid
from pathlib import Path

from tests.functional.conftest import start_job
from tests.functional.team.kinds import BY_NAME
from tests.functional.worker_process import Ended
from worker.layout import MANIFEST, MASTER, STATUS


def test_a_newer_publication_is_left_alone(tmp_path: Path) -> None:
    kind = BY_NAME["muxed"]
    source, out = kind.make(tmp_path), tmp_path / "out"
    team = f"team-{uuid.uuid4().hex}"

    def run(*options: object) -> Ended:
        ended = start_job(
            tmp_path, "--source", source, "--destination", out, *kind.options, *options
        ).wait()
        assert ended.status == 0, ended.stdout
        return ended

    run("--job-id", team, "--machine", "1/2")
    first = (out / MASTER).read_bytes()
    run("--ladder", "144")
    published = {name: (out / name).read_bytes() for name in (MASTER, MANIFEST, STATUS)}
    assert published[MASTER] != first
    late = run("--job-id", team, "--machine", "2/2")
    assert late.final["leads"] is False
    assert {name: (out / name).read_bytes() for name in published} == published
    # Submitted again on purpose it is another team.
    run("--job-id", f"{team}-again", "--machine", "1/2")
    assert (out / MASTER).read_bytes() == first
