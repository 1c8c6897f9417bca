"""What a backend receives of jobs that publish, fail and are stopped; and what is left of it."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.functional.callbacks.receiver import HANG, RESET, Backend
from tests.functional.conftest import ROOT, free_port, wait_for
from tests.functional.pipeline.outcomes import SLOW, video_segments
from tests.functional.served import served
from tests.functional.worker_process import FAST_LEASE, Ended, RunWorker, StartWorker
from worker.callbacks.delivery import MAX_ATTEMPTS

SECRET = "whsec_" + base64.b64encode(b"canary-of-secret-of-24-bytes").decode()
ENVIRONMENT = {"WORKER_NOTIFY_SECRET": SECRET}
OFTEN = "import worker.callbacks.callbacks as c\nc.PROGRESS_EVERY_S = 0\n"
SHORT_END = "import worker.callbacks.delivery as d\nd.END_TIMEOUT_S = 1\n"


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    with served(backend):
        yield backend


def options(url: str) -> tuple[str, ...]:
    return (
        "--notify",
        url,
        "--allow-private-notify",
        "--tag",
        "lesson=4711",
        "--tag",
        "class=가, 나",
    )


def status_of(out: Path) -> dict[str, Any]:
    status: dict[str, Any] = json.loads((out / "status.json").read_text())
    return status


def assert_no_secret(ended: Ended, out: Path) -> None:
    texts = [ended.stdout, ended.stderr]
    texts += [path.read_text() for path in out.rglob("*.json")]
    for text in texts:
        assert "canary" not in text
        assert SECRET not in text


def examples() -> dict[str, str]:
    """The code of docs/callbacks.md, by language."""
    text = (ROOT / "docs" / "callbacks.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```(js|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def verify_in_node(backend: Backend, folder: Path) -> list[Any]:
    """Verify all that arrived with the example for Node.js; None where it refuses."""
    (folder / "verify.mjs").write_text(examples()["js"], encoding="utf-8")
    (folder / "all.mjs").write_text(
        'import { verify } from "./verify.mjs";\nimport { readFileSync } from "node:fs";\n'
        "const answers = JSON.parse(readFileSync(0)).map(([headers, body, secret]) => {\n"
        '  try { return verify(headers, Buffer.from(body, "base64"), secret); }\n'
        "  catch (error) { return String(error.message); }\n});\n"
        "console.log(JSON.stringify(answers));\n"
    )
    asked = [
        (each.headers, base64.b64encode(each.body).decode(), secret)
        for each in backend.attempts
        for secret in (SECRET, "whsec_" + base64.b64encode(b"k" * 24).decode())
    ]
    answer = subprocess.run(
        ["node", folder / "all.mjs"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: list[Any] = json.loads(answer.stdout)
    return found


def test_a_job_that_publishes_is_reported_through_a_receiver_that_fails_twice(
    backend: Backend, run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    """And each attempt is signed: by the library for receivers, and by the examples of the docs."""
    backend.failures = {"video.started": [500, RESET], "video.published": [RESET, 503]}
    out = tmp_path / "out"
    job = ("--source", short_clip, "--destination", out, *options(backend.url))
    ended = run_worker(*job, environment=ENVIRONMENT, before=OFTEN)
    assert ended.status == 0, ended.stdout
    types = [each.type for each in backend.taken]
    assert (types[0], types[-1]) == ("video.started", "video.published")
    assert types.count("video.progress") == len(types) - 2 >= 1
    for kind in ("video.started", "video.published"):
        attempts = [each for each in backend.attempts if each.type == kind]
        assert len(attempts) == 3
        assert len({each.id for each in attempts}) == len({each.body for each in attempts}) == 1
    assert len({each.id for each in backend.taken}) == len(types)
    numbers = [each.event["data"]["sequence"] for each in backend.taken]
    assert numbers == sorted(set(numbers))

    manifest = json.loads((out / "manifest.json").read_text())
    published = backend.taken[-1].event["data"]
    assert published["run"] == manifest["run"]
    assert published["master"] == str(out / "master.m3u8")
    assert published["bytes"] == sum(path.stat().st_size for path in out.rglob("*.ts"))
    assert [rung["name"] for rung in published["rungs"]] == ["180p"]
    tags = {"lesson": "4711", "class": "가, 나"}
    assert published["tags"] == manifest["tags"] == ended.final["tags"] == tags
    assert all(event["tags"] == tags for event in ended.events)
    assert status_of(out)["callbacks_not_delivered"] == []
    assert_no_secret(ended, out)

    names: dict[str, Any] = {}
    exec(compile(examples()["python"], "callbacks.md", "exec"), names)  # noqa: S102 (our own page)
    for each in backend.attempts:
        assert Webhook(SECRET).verify(each.body, each.headers) == each.event
        assert names["verify"](each.headers, each.body, SECRET) == each.event
        with pytest.raises(ValueError, match="signature is wrong"):
            names["verify"](each.headers, each.body + b" ", SECRET)
        with pytest.raises(ValueError, match="too old"):
            names["verify"]({**each.headers, "webhook-timestamp": "1"}, each.body, SECRET)
    answers = verify_in_node(backend, tmp_path)
    assert answers[::2] == [each.event for each in backend.attempts]
    assert set(answers[1::2]) == {"the signature is wrong"}

    backend.attempts.clear()
    again = run_worker(*job, environment=ENVIRONMENT)
    assert again.final["already_published"]
    assert [each.type for each in backend.attempts] == ["video.started", "video.published"]
    data = backend.attempts[-1].event["data"]
    assert (data["already_published"], data["run"]) == (True, manifest["run"])


@pytest.mark.parametrize(
    ("source", "words", "status"),
    [("text.mp4", (), 65), ("missing.mp4", (), 66), ("text.mp4", ("--ladder", "x"), 64)],
)
def test_a_job_that_fails_says_why(
    backend: Backend,
    run_worker: RunWorker,
    tmp_path: Path,
    source: str,
    words: tuple[str, ...],
    status: int,
) -> None:
    """With the teacher's sentence where the upload is at fault."""
    (tmp_path / "text.mp4").write_text("no video")
    out = tmp_path / "out"
    ended = run_worker(
        *("--source", tmp_path / source, "--destination", out, *options(backend.url), *words),
        environment=ENVIRONMENT,
    )
    assert ended.status == status
    started = [] if status == 64 else ["video.started"]
    assert [each.type for each in backend.taken] == [*started, "video.failed"]
    data = backend.taken[-1].event["data"]
    outcome, final = data["outcome"], ended.final
    assert data["tags"]["lesson"] == "4711"
    assert (outcome["exit_status"], outcome["name"]) == (status, final["outcome"])
    assert (outcome["message"], outcome["resubmit"]) == (final["message"], final["resubmit"])
    if status == 65:
        assert outcome["code"] == "unreadable"
        assert "Export it as MP4" in outcome["teacher_message"]["en"]
        assert "MP4로 내보낸" in outcome["teacher_message"]["ko"]
    assert_no_secret(ended, out)


def test_a_receiver_that_is_away_changes_nothing_but_what_status_json_says(
    run_worker: RunWorker, short_clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    url = f"http://127.0.0.1:{free_port()}/hook?token=canary-of-url"
    ended = run_worker(
        *("--source", short_clip, "--destination", out, *options(url)),
        environment=ENVIRONMENT,
        before=SHORT_END,
    )
    assert ended.status == 0, ended.stdout
    assert (out / "master.m3u8").exists()
    left = status_of(out)
    assert left["outcome"]["exit_status"] == 0
    undelivered = [each["type"] for each in left["callbacks_not_delivered"]]
    assert undelivered == ["video.started", "video.published"]
    warned = [event["id"] for event in ended.named("callback_not_delivered")]
    assert warned == [each["id"] for each in left["callbacks_not_delivered"]]
    attempts = [event["attempt"] for event in ended.named("callback_retried")]
    assert 1 <= max(attempts) < MAX_ATTEMPTS
    assert_no_secret(ended, out)


@pytest.mark.parametrize("answers", [True, False])
def test_a_job_that_is_stopped_still_says_so(
    backend: Backend, start_worker: StartWorker, long_clip: Path, tmp_path: Path, *, answers: bool
) -> None:
    """Or says in status.json that it could not."""
    if not answers:
        backend.failures = {"video.failed": [HANG]}
    out = tmp_path / "out"
    running = start_worker(
        *("--source", long_clip, "--destination", out, *SLOW, *options(backend.url)),
        environment=ENVIRONMENT,
        before=SHORT_END,
    )
    wait_for(lambda: video_segments(out), what="first segment")
    running.process.send_signal(signal.SIGTERM)
    ended = running.wait(60)
    assert ended.status == 143
    assert [each.type for each in backend.attempts] == ["video.started", "video.failed"]
    assert backend.attempts[-1].event["data"]["outcome"]["resubmit"] == "yes"
    left = status_of(out)
    assert (left["state"], left["outcome"]["exit_status"]) == ("ended", 143)
    expected = [] if answers else [("video.failed", "no answer before the job ended")]
    assert [(e["type"], e["reason"]) for e in left["callbacks_not_delivered"]] == expected


def test_of_a_team_that_finds_another_job_one_machine_says_so(
    backend: Backend, start_worker: StartWorker, long_clip: Path, tmp_path: Path
) -> None:
    """And names the job as it was submitted."""
    out = tmp_path / "out"
    job = ("--source", long_clip, "--destination", out, *SLOW)
    start_worker(*job, before=FAST_LEASE)
    wait_for((out / "status.json").exists, what="another job")
    team = [
        start_worker(
            *(*job, *options(backend.url), "--job-id", "lecture:3", "--machine", f"{number}/3"),
            environment=ENVIRONMENT,
            before=FAST_LEASE,
        )
        for number in (1, 2, 3)
    ]
    assert [machine.wait(60).status for machine in team] == [75, 75, 75]
    (failed,) = backend.taken
    assert (failed.type, failed.event["data"]["job_id"]) == ("video.failed", "lecture")


def test_a_team_that_is_stopped_before_it_has_a_plan_says_so(
    backend: Backend, start_worker: StartWorker, short_clip: Path, tmp_path: Path
) -> None:
    """Its only machine waits for another one to take over, and has time left for the callback."""
    out = tmp_path / "out"
    running = start_worker(
        *("--source", short_clip, "--destination", out, *options(backend.url)),
        *("--job-id", "lecture", "--machine", "2/3"),
        environment=ENVIRONMENT,
        before="import worker.steps as steps\n"
        "steps.Steps.plan = lambda self, *_: self.context.budget.sleep(300)",
    )
    wait_for(lambda: backend.attempts, what="video.started")
    running.process.send_signal(signal.SIGTERM)
    assert running.wait(60).status == 143
    assert [each.type for each in backend.taken] == ["video.started", "video.failed"]
    assert status_of(out)["callbacks_not_delivered"] == []
