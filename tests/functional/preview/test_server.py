"""The preview as a program: what it serves, what it refuses, how it ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.functional.conftest import ACCESS_KEY, ROOT, SECRET_KEY, Server
from tests.functional.previewing import Previewing, Sample, previewing, publish_sample

PLAYER = ROOT / "worker" / "preview" / "player" / "hls.min.js"
needs_player = pytest.mark.skipif(
    not PLAYER.is_file(), reason="hls.js is not here; run scripts/setup --dev where npm is at hand"
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return publish_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def served(sample: Sample) -> Iterator[Previewing]:
    with previewing(sample.folder) as running:
        yield running


Answer = tuple[int, dict[str, str], bytes]


def ask(url: str, path: str, method: str = "GET", **headers: str) -> Answer:
    """Send a path as it stands: a client library would tidy it up."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


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


@needs_player
def test_the_page_names_no_outside_address(served: Previewing) -> None:
    status, headers, page = ask(served.url, "/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    text = page.decode()
    assert not re.search(r"https?://|src=.//|href=.//", text)
    assert not re.search(r" style=| on[a-z]+=", text), "the policy forbids it"
    parts = re.findall(r'(?:src|href|poster)="(/[^"]+)"', text)
    assert len(parts) >= 6
    assert {ask(served.url, part)[0] for part in parts} == {200}


@needs_player
def test_every_file_comes_as_it_is_with_its_type(served: Previewing, sample: Sample) -> None:
    types = {".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t", ".jpg": "image/jpeg"}
    paths = [path for path in sample.folder.rglob("*") if path.suffix in types]
    for path in paths:
        key = path.relative_to(sample.folder).as_posix()
        status, headers, data = ask(served.url, f"/media/{key}")
        assert (status, headers["Content-Type"]) == (200, types[path.suffix])
        assert data == path.read_bytes()
        length = ask(served.url, f"/media/{key}", "HEAD")
        assert (length[1]["Content-Length"], length[2]) == (str(len(data)), b"")
    assert {path.suffix for path in paths} == set(types)


@needs_player
@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=188-", (188, None)),
        ("bytes=-188", (-188, None)),
        ("bytes=100-99999999", (100, None)),
    ],
)
def test_a_range_is_served(
    asked: str, part: tuple[int, int | None], served: Previewing, sample: Sample
) -> None:
    whole = (sample.folder / sample.run / "360p" / "00000.ts").read_bytes()
    status, headers, data = ask(served.url, f"/media/{sample.run}/360p/00000.ts", Range=asked)
    assert status == 206
    assert data == whole[slice(*part)]
    first = part[0] % len(whole)
    assert headers["Content-Range"] == f"bytes {first}-{first + len(data) - 1}/{len(whole)}"


@needs_player
def test_a_range_beyond_the_file_is_told(served: Previewing) -> None:
    status, headers, _ = ask(served.url, "/media/master.m3u8", Range="bytes=9999999-")
    assert status == 416
    assert headers["Content-Range"].startswith("bytes */")


@needs_player
@pytest.mark.parametrize(
    "path",
    [
        "/media/../secret.json",
        "/media/%2e%2e/secret.json",
        "/media/..%2fsecret.json",
        "/media/.%2e/secret.json",
        "/media/./master.m3u8",
        "/media//etc/secret.json",
        "/media/..\\secret.json",
        "/media/.hidden.json",
        "/media/link.json",
        "/media/link/secret.json",
        "/media/%00.json",
        "/media/" + "a/" * 3000 + "b.json",
        "/media/",
        "/media",
        "/secret.json",
        "/assets/../preview.html",
        "/assets/page.py",
    ],
)
def test_nothing_outside_of_the_folder_is_served(
    path: str, served: Previewing, sample: Sample
) -> None:
    secret = sample.folder.parent / "secret.json"
    secret.write_text("secret")
    (sample.folder / ".hidden.json").write_text("secret")
    for name, target in (("link.json", secret), ("link", secret.parent)):
        link = sample.folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    status, _, data = ask(served.url, path)
    assert status in {404, 414}
    assert b"secret" not in data


@needs_player
def test_a_name_that_somebody_owns_is_refused(served: Previewing) -> None:
    """DNS rebinding: a page from elsewhere comes by its own name, which leads here."""
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", ""):
        assert ask(served.url, "/", Host=host)[0] == 421, host
        assert ask(served.url, "/media/master.m3u8", Host=host)[0] == 421, host
    for host in ("localhost", "127.0.0.1:1", "[::1]:8000"):
        assert ask(served.url, "/", Host=host)[0] == 200, host


@needs_player
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_reading_is_answered(method: str, served: Previewing) -> None:
    assert ask(served.url, "/media/master.m3u8", method)[0] == 501


@needs_player
def test_it_listens_on_loopback_alone(served: Previewing) -> None:
    port = urlsplit(served.url).port
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [row.split()[1] for row in table if row.split()[3] == "0A"]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


@needs_player
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order(number: signal.Signals, sample: Sample) -> None:
    with previewing(sample.folder) as running:
        # A browser keeps its connection open; that must hold nothing up.
        with socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            assert running.end(number) == 0
        assert running.process.stderr
        assert running.process.stderr.read() == ""


@needs_player
def test_a_port_that_is_taken_is_told(served: Previewing, sample: Sample) -> None:
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
    assert unreadable.returncode == 65
    assert "checkpoint.json cannot be read" in unreadable.stderr
    assert "Traceback" not in unreadable.stderr


def test_without_its_player_it_says_what_to_run(sample: Sample, tmp_path: Path) -> None:
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


def test_the_report_is_one_file_in_the_run(sample: Sample) -> None:
    ended = run(sample.folder, "--report")
    assert ended.returncode == 0, ended.stderr
    report = sample.folder / sample.run / "report.html"
    assert ended.stdout.strip() == str(report)
    text = report.read_text()
    assert "superfast" in text
    assert "veryfast" in text
    assert not re.search(r'(?:src|href)="(?!data:)', text), "it needs nothing beside it"


@needs_player
@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_a_folder_in_s3_is_served_without_its_keys_in_the_page(
    name: str, sample: Sample, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(name)
    client = server.client()
    if "previews" not in [b["Name"] for b in client.list_buckets()["Buckets"]]:
        client.create_bucket(
            Bucket="previews",
            CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"},
        )
    for path in sample.folder.rglob("*.*"):
        if path.is_file() and not path.is_symlink():
            name_there = f"강의 1/out/{path.relative_to(sample.folder)}"
            client.upload_file(str(path), "previews", name_there)
    client.put_object(Bucket="previews", Key="강의 1/secret.json", Body=b"secret")
    environment = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "ap-northeast-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    place = ("s3://previews/강의 1/out", "--s3-endpoint", server.endpoint)
    with previewing(*place, environment=environment) as running:
        page = ask(running.url, "/")[2].decode()
        assert not any(word in page for word in (ACCESS_KEY, SECRET_KEY, server.endpoint))
        key = f"{sample.run}/240p/00003.ts"
        whole = (sample.folder / key).read_bytes()
        assert ask(running.url, f"/media/{key}")[2] == whole
        status, _, part = ask(running.url, f"/media/{key}", Range="bytes=188-375")
        assert (status, part) == (206, whole[188:376])
        assert ask(running.url, "/media/../secret.json")[0] == 404
        assert ask(running.url, "/media/none.json")[0] == 404
    written = subprocess.run(
        [sys.executable, "-m", "worker", "preview", *place, "--report"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert written.returncode == 0, written.stderr
    head = client.head_object(Bucket="previews", Key=f"강의 1/out/{sample.run}/report.html")
    assert head["ContentType"] == "text/html; charset=utf-8"
