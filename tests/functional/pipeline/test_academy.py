"""A paid lecture on an academy's way: from its store through the worker and a CDN to a student."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.functional.browser import assert_no_fault, run_in_browser
from tests.functional.callbacks.receiver import RESET, Backend
from tests.functional.cdn.conftest import guarding
from tests.functional.conftest import ROOT, Server, ffmpeg, free_port, serving, start_job
from tests.functional.encryption.conftest import KeyOf, example
from tests.functional.encryption.test_stored import has_packets
from tests.functional.hls import manifest_of, named
from tests.functional.served import served
from tests.functional.worker_process import Ended

SECONDS = 24
DESTINATION = "s3://academy/lessons/4711"
KEY_SECRET = "canary-of-keys-of-lectures-0123456789"
STORE_ID, STORE_KEY = "canary-id-of-r2", "canary-key-of-r2"
NOTIFY_SECRET = "whsec_" + base64.b64encode(b"canary-of-a-backend-0123456789").decode()
AWS = {"AWS_ACCESS_KEY_ID": "of-aws", "AWS_SECRET_ACCESS_KEY": "canary-of-aws"}
STUDENT = "a-student-who-paid"
# In CP949, as most .smi files are.
SAMI = """<SAMI><HEAD><STYLE TYPE="text/css"><!--
.KRCC { Name: Korean; lang: ko-KR; }
--></STYLE></HEAD><BODY>
<SYNC Start=1000><P Class=KRCC>미분과 적분
<SYNC Start=4000><P Class=KRCC>&nbsp;
<SYNC Start=9000><P Class=KRCC>극한의 정의
<SYNC Start=12000><P Class=KRCC>&nbsp;
</BODY></SAMI>
"""


class Api(ThreadingHTTPServer):
    """The academy's API: it gives the keys of a lecture to one student."""

    daemon_threads = True

    def __init__(self) -> None:
        names: dict[str, Any] = {}
        exec(compile(example("python"), "encryption.md", "exec"), names)  # noqa: S102 (our own page)
        self.key_of: KeyOf = names["key_of"]
        self.answers: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_OPTIONS(self) -> None:
        self._answer(204)

    def do_GET(self) -> None:
        key = self.server.key_of(self.path.rpartition("/")[2], DESTINATION, [KEY_SECRET])
        is_allowed = self.headers["Authorization"] == f"Bearer {STUDENT}"
        self.server.answers.append(200 if is_allowed and key else 403)
        self._answer(self.server.answers[-1], key if is_allowed and key else b"")

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "authorization")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Lecture:
    """A lecture as its job left it, in a store whose bucket is a folder."""

    ended: Ended
    bucket: Path
    api: Api
    backend: Backend

    @property
    def folder(self) -> Path:
        return self.bucket / "lessons" / "4711"


@pytest.fixture(scope="module")
def upload(moto: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The upload and its subtitles, in AWS's S3."""
    folder = tmp_path_factory.mktemp("upload")
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={SECONDS}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", folder / "in.mp4"),
    )
    (folder / "talk.smi").write_bytes(SAMI.encode("cp949"))
    moto.make_bucket("uploads")
    for path in folder.iterdir():
        moto.client().upload_file(str(path), "uploads", path.name)
    return moto.endpoint


@pytest.fixture(scope="module")
def lecture(upload: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lecture]:
    data, work = tmp_path_factory.mktemp("r2"), tmp_path_factory.mktemp("work")
    (data / "academy").mkdir()
    port = free_port()
    rclone = Path(sys.executable).with_name("rclone")
    command = [
        *(str(rclone), "serve", "s3", "--config", os.devnull, "--addr", f"127.0.0.1:{port}"),
        *("--auth-key", f"{STORE_ID},{STORE_KEY}", str(data)),
    ]
    api = Api()
    backend = Backend(failures={"video.started": [500, RESET], "video.published": [503, RESET]})
    with serving("rclone", command, port) as store, served(api), served(backend):
        ended = start_job(
            work,
            *("--source", "s3://uploads/in.mp4", "--destination", DESTINATION),
            *("--subtitles", "ko=s3://uploads/talk.smi", "--audio", "muxed"),
            *("--encrypt", "--key-uri", f"{api.base}/keys/{{key_id}}"),
            *("--notify", backend.url, "--allow-private-notify", "--tag", "lesson=4711"),
            *("--ladder", "360,240", "--segment", "2", "--preset", "superfast"),
            *("--log-level", "debug"),
            environment={
                **AWS,
                "WORKER_S3_ENDPOINT": store.endpoint,
                "WORKER_S3_ACCESS_KEY_ID": STORE_ID,
                "WORKER_S3_SECRET_ACCESS_KEY": STORE_KEY,
                "WORKER_SOURCE_S3_ENDPOINT": upload,
                "WORKER_KEY_SECRET": KEY_SECRET,
                "WORKER_NOTIFY_SECRET": NOTIFY_SECRET,
            },
        ).wait()
        assert ended.status == 0, ended.stdout
        yield Lecture(ended, data / "academy", api, backend)


def test_the_backend_is_called_through_two_failures(lecture: Lecture) -> None:
    taken = lecture.backend.taken
    assert (taken[0].type, taken[-1].type) == ("video.started", "video.published")
    for each in lecture.backend.attempts:
        assert Webhook(NOTIFY_SECRET).verify(each.body, each.headers) == each.event
        assert each.event["data"]["tags"] == {"lesson": "4711"}
    assert taken[-1].event["data"]["run"] == manifest_of(lecture.folder)["run"]
    status = json.loads((lecture.folder / "status.json").read_text())
    assert status["callbacks_not_delivered"] == []


def test_nothing_clear_and_no_secret_is_stored_or_logged(lecture: Lecture) -> None:
    stored = {p: p.read_bytes() for p in lecture.bucket.rglob("*") if p.is_file()}
    segments = [path for path in stored if path.suffix == ".ts"]
    assert len(segments) > SECONDS
    assert [path for path in segments if has_packets(stored[path])] == []
    written = [data for path, data in stored.items() if path.suffix != ".ts"]
    for text in (*written, lecture.ended.stdout.encode(), lecture.ended.stderr.encode()):
        # The secret of the backend as well, which is base64.
        assert b"canary" not in text
        assert NOTIFY_SECRET.encode() not in text


@pytest.fixture(scope="module")
def player() -> partial[Any]:
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("there is no hls.js; run scripts/setup --dev where there is npm")
    return partial(run_in_browser, "guarded.mjs")


def test_the_student_who_paid_sees_it_all(lecture: Lecture, player: partial[Any]) -> None:
    """To its end, with 20 seeks, changes of the rung and subtitles."""
    (board,) = lecture.folder.glob("*/storyboard")
    storyboard = named(board, "index.vtt").relative_to(lecture.bucket)
    # Over the whole, never to the same segment twice in a row.
    seeks = [1 + (7 * i) % 20 + 0.13 * i for i in range(20)]
    lecture.api.answers.clear()
    with guarding(folder=str(lecture.bucket)) as guard:
        found = player(
            "hls",
            master=guard.sign("--path", "lessons/4711/master.m3u8"),
            storyboard=guard.sign("--folder", "lessons/4711", "--path", storyboard.as_posix()),
            times=seeks,
            rate=4,
            student=STUDENT,
        )
    assert_no_fault(found)
    assert found["reached"] == pytest.approx(seeks, abs=0.15)
    assert found["end"] == pytest.approx(SECONDS, abs=0.15)
    assert set(found["shown"]) == {360, 240}
    assert found["frames"] > 0
    assert {"미분과 적분", "극한의 정의"} <= set(found["texts"])
    assert {answer["status"] for answer in found["answers"]} <= {200, 206}
    assert lecture.api.answers == [200], "one key for all"


def test_another_student_sees_not_one_frame(lecture: Lecture, player: partial[Any]) -> None:
    lecture.api.answers.clear()
    with guarding(folder=str(lecture.bucket)) as guard:
        master = guard.sign("--path", "lessons/4711/master.m3u8")
        found = player("hlsAttempt", master=master, student="someone-else")
    assert (found["time"], found["frames"]) == (0, 0)
    assert lecture.api.answers
    assert set(lecture.api.answers) == {403}
