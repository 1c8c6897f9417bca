"""Credentials of a role, from an endpoint as ECS and Batch have it, which fails now and then."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.functional.conftest import ACCESS_KEY, SECRET_KEY, Server, wait_for
from tests.functional.served import served
from tests.functional.storage.faulty_job import (
    JobOptions,
    assert_ended,
    assert_published_whole,
    with_patience,
)
from tests.functional.storage.proxy import Proxy
from tests.functional.worker_process import RunWorker, StartWorker
from tests.published import Shape
from worker.storage.s3 import S3Store

# botocore makes so many attempts for one set of credentials, a second apart.
ATTEMPTS = 3
# Less than the ten minutes before the expiry in which each call needs new ones.
WINDOW_S = 540


class Endpoint(ThreadingHTTPServer):
    """Gives credentials that are in their refresh window all the time.

    The next `failures` requests are answered with 500, then `expired` ones with credentials that
    are past their time.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.failures = 0
        self.expired = 0
        self.given = 0
        self.lock = threading.Lock()

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of a task whose only credentials are those of its role."""
        url = f"http://127.0.0.1:{self.server_address[1]}/v2/credentials/task"
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
        }


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:
        with self.server.lock:
            is_failing, is_expired = self.server.failures > 0, False
            if is_failing:
                self.server.failures -= 1
            elif self.server.expired > 0:
                self.server.expired -= 1
                is_expired = True
            else:
                self.server.given += 1
        if is_failing:
            return self._answer(500, {"code": "InternalError", "message": "planted"})
        seconds = timedelta(seconds=-60 if is_expired else WINDOW_S)
        expiration = (datetime.now(UTC) + seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._answer(
            200,
            {
                "AccessKeyId": ACCESS_KEY,
                "SecretAccessKey": SECRET_KEY,
                "Token": "token",
                "Expiration": expiration,
            },
        )

    def _answer(self, status: int, content: Mapping[str, str]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Write no access log."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    with served(server):
        yield server


@pytest.mark.parametrize("fault", ["failures", "expired"])
@pytest.mark.parametrize("when", ["start", "encode"])
def test_a_provider_that_fails_for_seconds_only_delays_the_job(
    fault: str,
    when: str,
    endpoint: Endpoint,
    proxy: Proxy,
    job_options: JobOptions,
    destination: S3Store,
    start_worker: StartWorker,
    reference: Shape,
) -> None:
    """At the start the client cannot be made; later a call cannot be signed."""
    if when == "start":
        setattr(endpoint, fault, ATTEMPTS + 1)
    running = start_worker(*job_options, environment=endpoint.environment, before=with_patience(60))
    if when == "encode":
        wait_for(lambda: any("PUT" in r and ".ts" in r for r in proxy.seen), what="upload")
        setattr(endpoint, fault, ATTEMPTS + 1)
    ended = running.wait(120)
    assert getattr(endpoint, fault) == 0
    assert endpoint.given
    retries = ended.named("storage_retried") + ended.named("status_not_written")
    assert any("credentials" in event["reason"] for event in retries), ended.stdout
    assert_published_whole(ended, destination, reference)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("failures", "submit the job again when their provider answers"),
        ("expired", "submit the job again with new credentials"),
    ],
)
@pytest.mark.parametrize("when", ["start", "encode"])
def test_a_provider_that_goes_on_failing_ends_the_job_with_69(
    fault: str,
    words: str,
    when: str,
    endpoint: Endpoint,
    proxy: Proxy,
    job_options: JobOptions,
    start_worker: StartWorker,
) -> None:
    if when == "start":
        setattr(endpoint, fault, 10_000)
    running = start_worker(*job_options, environment=endpoint.environment, before=with_patience(4))
    if when == "encode":
        wait_for(lambda: any("PUT" in r and ".ts" in r for r in proxy.seen), what="upload")
        setattr(endpoint, fault, 10_000)
    assert_ended(running.wait(60), 69, words)


def test_no_credentials_at_all_are_a_refusal(
    endpoint: Endpoint, job_options: JobOptions, run_worker: RunWorker
) -> None:
    environment = {**endpoint.environment, "HOME": "/nonexistent"}
    del environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    ended = run_worker(*job_options, environment=environment)
    assert_ended(ended, 73, "no credentials for S3 were found")
    assert not ended.named("storage_retried")


@pytest.mark.parametrize("fault", ["failures", "expired"])
def test_logs_without_credentials_go_to_stdout_and_the_job_goes_on(
    fault: str,
    endpoint: Endpoint,
    moto: Server,
    run_worker: RunWorker,
    short_clip: Path,
    tmp_path: Path,
) -> None:
    setattr(endpoint, fault, 10_000)
    ended = run_worker(
        *("--source", short_clip, "--destination", tmp_path / "out", "--cloudwatch", "on"),
        environment={**endpoint.environment, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": moto.endpoint},
    )
    assert ended.status == 0, ended.stdout + ended.stderr
    assert ended.named("cloudwatch_unavailable")
    assert ended.named("planned")


def test_expired_credentials_of_a_source_are_retried_and_end_the_job_with_69(
    proxy: Proxy, job_options: JobOptions, run_worker: RunWorker
) -> None:
    """Not with 66: a role has others soon."""
    proxy.refusal = "ExpiredToken"
    proxy.concerns = lambda request: "/in/clip.mp4" in request
    ended = run_worker(*job_options, before=with_patience(1))
    assert ended.named("storage_retried")
    assert_ended(ended, 69, "/in/clip.mp4", "ExpiredToken", "with new credentials")
