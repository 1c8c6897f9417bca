"""The server of the preview: what it serves, what it refuses, how it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest

from tests.digests import without_digests
from tests.functional.conftest import ACCESS_KEY, ROOT, SECRET_KEY, Server
from tests.functional.hls import named
from tests.functional.preview.previewing import Previewing, Sample, previewing

Answer: TypeAlias = tuple[int, dict[str, str], bytes]


def fetch(url: str, path: str, method: str = "GET", **headers: str) -> Answer:
    """Send a path unchanged: a client library would normalize it."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_the_page_names_no_other_origin(served: Previewing) -> None:
    status, headers, page = fetch(served.url, "/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    text = page.decode()
    assert not re.search(r"https?://|src=.//|href=.//", text)
    assert not re.search(r" style=| on[a-z]+=", text), "the policy forbids it"
    parts = re.findall(r'(?:src|href|poster)="(/[^"]+)"', text)
    assert len(parts) >= 6
    assert {fetch(served.url, part)[0] for part in parts} == {200}


def test_every_file_is_served_unchanged_with_its_media_type(
    served: Previewing, sample: Sample
) -> None:
    types = {".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t", ".jpg": "image/jpeg"}
    paths = [path for path in sample.folder.rglob("*") if path.suffix in types]
    for path in paths:
        key = path.relative_to(sample.folder).as_posix()
        status, headers, data = fetch(served.url, f"/media/{key}")
        assert (status, headers["Content-Type"]) == (200, types[path.suffix])
        assert data == path.read_bytes()
        length = fetch(served.url, f"/media/{key}", "HEAD")
        assert (length[1]["Content-Length"], length[2]) == (str(len(data)), b"")
    assert {path.suffix for path in paths} == set(types)


@pytest.mark.parametrize(
    ("byte_range", "part"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=188-", (188, None)),
        ("bytes=-188", (-188, None)),
        ("bytes=100-99999999", (100, None)),
    ],
)
def test_a_byte_range_is_served(
    byte_range: str, part: tuple[int, int | None], served: Previewing, sample: Sample
) -> None:
    segment = named(sample.folder / sample.run / "360p", "00000.ts")
    whole = segment.read_bytes()
    status, headers, data = fetch(
        served.url, f"/media/{sample.run}/360p/{segment.name}", Range=byte_range
    )
    assert status == 206
    assert data == whole[slice(*part)]
    first = part[0] % len(whole)
    assert headers["Content-Range"] == f"bytes {first}-{first + len(data) - 1}/{len(whole)}"


def test_a_range_beyond_the_file_is_answered_with_416(served: Previewing) -> None:
    status, headers, _ = fetch(served.url, "/media/master.m3u8", Range="bytes=9999999-")
    assert status == 416
    assert headers["Content-Range"].startswith("bytes */")


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
def test_nothing_outside_the_folder_is_served(
    path: str, served: Previewing, sample: Sample
) -> None:
    secret = sample.folder.parent / "secret.json"
    secret.write_text("secret")
    (sample.folder / ".hidden.json").write_text("secret")
    for name, target in (("link.json", secret), ("link", secret.parent)):
        link = sample.folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    status, _, data = fetch(served.url, path)
    assert status in {404, 414}
    assert b"secret" not in data


def test_a_foreign_host_name_is_refused(served: Previewing) -> None:
    """DNS rebinding: a foreign page uses its own host name, which resolves to this server."""
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", ""):
        assert fetch(served.url, "/", Host=host)[0] == 421, host
        assert fetch(served.url, "/media/master.m3u8", Host=host)[0] == 421, host
    for host in ("localhost", "127.0.0.1:1", "[::1]:8000"):
        assert fetch(served.url, "/", Host=host)[0] == 200, host


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_methods_that_write_are_refused(method: str, served: Previewing) -> None:
    assert fetch(served.url, "/media/master.m3u8", method)[0] == 501


def test_it_listens_on_loopback_only(served: Previewing) -> None:
    port = urlsplit(served.url).port
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [row.split()[1] for row in table if row.split()[3] == "0A"]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_exits_with_0_on_sigint_and_sigterm(number: signal.Signals, sample: Sample) -> None:
    with previewing(sample.folder) as running:
        # A browser keeps its connection open; that must not delay the end.
        with socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            assert running.end(number) == 0
        assert running.process.stderr
        assert running.process.stderr.read() == ""


@pytest.mark.parametrize("name", ["moto", "rclone"])
def test_a_folder_in_s3_is_served_without_credentials_in_the_page(
    name: str, sample: Sample, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(name)
    client = server.client()
    server.make_bucket("previews")
    for path in sample.folder.rglob("*.*"):
        if path.is_file() and not path.is_symlink():
            key = f"강의 1/out/{path.relative_to(sample.folder)}"
            client.upload_file(str(path), "previews", key)
    client.put_object(Bucket="previews", Key="강의 1/secret.json", Body=b"secret")
    environment = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "ap-northeast-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    location = ("s3://previews/강의 1/out", "--s3-endpoint", server.endpoint)
    with previewing(*location, environment=environment) as running:
        page = fetch(running.url, "/")[2].decode()
        assert not any(word in page for word in (ACCESS_KEY, SECRET_KEY, server.endpoint))
        key = f"{sample.run}/240p/{named(sample.folder / sample.run / '240p', '00003.ts').name}"
        whole = (sample.folder / key).read_bytes()
        assert fetch(running.url, f"/media/{key}")[2] == whole
        status, _, part = fetch(running.url, f"/media/{key}", Range="bytes=188-375")
        assert (status, part) == (206, whole[188:376])
        assert fetch(running.url, "/media/../secret.json")[0] == 404
        assert fetch(running.url, "/media/none.json")[0] == 404
    written = subprocess.run(
        [sys.executable, "-m", "worker", "preview", *location, "--report"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert written.returncode == 0, written.stderr
    key = written.stdout.strip().removeprefix("s3://previews/")
    assert without_digests(key) == f"강의 1/out/{sample.run}/report.html"
    head = client.head_object(Bucket="previews", Key=key)
    assert head["ContentType"] == "text/html; charset=utf-8"
