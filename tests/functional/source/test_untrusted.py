"""Uploads that would make FFmpeg open another file or a socket: it opens neither."""

from __future__ import annotations

import shutil
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import ffmpeg
from tests.functional.hls import files
from tests.functional.worker_process import RunWorker

pytestmark = pytest.mark.ffmpeg

CANARY = "canary-3f9c2a"


class Listener:
    """A server on loopback that counts connections."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


@pytest.fixture(scope="session")
def red_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("red") / "secret.ts"
    red = "color=red:size=320x180:rate=25:duration=4"
    ffmpeg("-f", "lavfi", "-i", red, "-c:v", "libx264", "-metadata", f"title={CANARY}", path)
    return path


@pytest.fixture
def canary(red_video: Path, tmp_path: Path) -> Path:
    """A video that is all red, and a text file beside it: if either were read, it would show."""
    (tmp_path / "secret.txt").write_text(CANARY)
    return Path(shutil.copy(red_video, tmp_path))


HLS = (
    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n{tags}#EXTINF:4,\n{uri}\n#EXT-X-ENDLIST\n"
)
SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    ' mediaPresentationDuration="PT4S"><Period><AdaptationSet mimeType="video/mp2t">'
    '<Representation id="1" bandwidth="1"><BaseURL>{uri}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
CPL = (
    '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "<Id>urn:uuid:0</Id><Annotation>{uri}</Annotation></CompositionPlaylist>"
)
TEXTS: dict[str, str] = {
    "playlist": HLS.replace("{tags}", ""),
    "playlist with a key": HLS.replace("{tags}", '#EXT-X-KEY:METHOD=AES-128,URI="{uri}"\n'),
    "playlist with a map": HLS.replace("{tags}", '#EXT-X-MAP:URI="{uri}"\n'),
    "master playlist": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{uri}\n",
    "concat script": "ffconcat version 1.0\nfile '{uri}'\n",
    "DASH": DASH,
    "IMF": CPL,
    "SDP": SDP,
    "pls": "[playlist]\nFile1={uri}\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="{uri}"/></entry></asx>',
    "smil": '<smil><body><video src="{uri}"/></body></smil>',
    "rtsp text": "rtsptext\n{uri}\n",
    "lavfi": "movie={uri}\n",
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:04.000\n{uri}\n",
    "avisynth": 'DirectShowSource("{uri}")\n',
}


def run_jobs(run_worker: RunWorker, sources: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Run a job for each source, all in one process; return their outcomes.

    None may print the canary, or write it below its destination.
    """
    jobs = [
        ["--source", source, "--destination", str(folder / f"out{i}")]
        for i, source in enumerate(sources)
    ]
    run_others = (
        f"import os\nfrom worker.__main__ import main\nfor job in {jobs[:-1]!r}:\n"
        "    main(job, os.environ)"
    )
    ended = run_worker(*jobs[-1], before=run_others)
    assert CANARY not in ended.stdout + ended.stderr
    for name, content in files(folder).items():
        assert not name.startswith("out") or CANARY.encode() not in content, name
    outcomes = ended.named("job_finished")
    assert len(outcomes) == len(jobs), ended.stdout + ended.stderr
    return outcomes


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_names_other_files_is_refused(
    name: str,
    listener: Listener,
    canary: Path,
    run_worker: RunWorker,
    tmp_path: Path,
) -> None:
    uris = (f"file://{canary}", canary.name, f"{listener.url}/x.ts")
    sources = [tmp_path / name for name in ("0.m3u8", "1.mp4", "2.m3u8")]
    for source, uri in zip(sources, uris, strict=True):
        source.write_text(TEXTS[name].replace("{uri}", uri))
    outcomes = run_jobs(run_worker, [*map(str, sources)], tmp_path)
    assert [outcome["exit_status"] for outcome in outcomes] == [65, 65, 65]
    assert not list(tmp_path.rglob("master.m3u8"))
    assert listener.connections == 0


def with_external_data(clip: bytes, url: bytes) -> bytes:
    """Move the samples of a MOV into another file: its data reference names `url`."""
    at = clip.index(b"dref") - 4
    (size,) = struct.unpack(">I", clip[at : at + 4])
    # Flag 0: not in this file.
    entry = struct.pack(">I4sI", 12 + len(url) + 1, b"url ", 0) + url + b"\0"
    dref = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    grown = len(dref) - size
    changed = bytearray(clip[:at] + dref + clip[at + size :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        start = changed.rindex(box, 0, at + 8) - 4
        (old,) = struct.unpack(">I", changed[start : start + 4])
        changed[start : start + 4] = struct.pack(">I", old + grown)
    return bytes(changed)


def test_a_movie_whose_samples_are_in_another_file_opens_no_other_file(
    listener: Listener, canary: Path, short_clip: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    sources = [tmp_path / name for name in ("0.mov", "1.mov")]
    urls = (f"file://{canary}", f"{listener.url}/x.mp4")
    for source, url in zip(sources, urls, strict=True):
        source.write_bytes(with_external_data(short_clip.read_bytes(), url.encode()))
    outcomes = run_jobs(run_worker, [*map(str, sources)], tmp_path)
    # FFmpeg reads the samples from the file itself, where they still are, or none.
    assert {outcome["exit_status"] for outcome in outcomes} <= {0, 65}
    assert listener.connections == 0


@pytest.mark.parametrize(
    "name",
    [
        *(
            "-i.mp4",
            "%05d.mp4",
            "a b'c\"d.mp4",
            "concat:secret.ts|x.mp4",
            "http:x.mp4",
            "강의 😀.mp4",
        ),
        *(
            "line\nbreak.mp4",
            "[0]{a};$(id)`id`.mp4",
            "x" * 251 + ".mp4",
            "subfile,,start,0,,:x.mp4",
        ),
    ],
)
def test_a_file_name_is_never_read_as_an_option_or_url(
    name: str, short_clip: Path, run_worker: RunWorker, tmp_path: Path
) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / name).write_bytes(short_clip.read_bytes())
    # The worker runs in the project's folder: a leading dash is given as a path.
    ended = run_worker(f"--source={folder / name}", "--destination", tmp_path / "out")
    assert ended.status == 0, ended.final
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_url_of_a_private_address_is_refused_without_a_request(
    listener: Listener, run_worker: RunWorker, tmp_path: Path
) -> None:
    port = listener.url.rpartition(":")[2]
    hosts = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0")
    urls = [f"https://{host}:{port}/in.mp4?X-Amz-Signature={CANARY}" for host in hosts]
    assert_private(run_jobs(run_worker, urls, tmp_path), hosts)
    assert listener.connections == 0


def test_a_url_of_a_metadata_service_is_refused_without_a_request(
    run_worker: RunWorker, tmp_path: Path
) -> None:
    hosts = ("169.254.169.254", "[fd00:ec2::254]", "2852039166", "0xa9fea9fe")
    urls = [f"http://{host}/latest/meta-data/" for host in hosts]
    assert_private(run_jobs(run_worker, urls, tmp_path), hosts)


def assert_private(outcomes: Sequence[dict[str, Any]], hosts: Sequence[str]) -> None:
    for outcome, host in zip(outcomes, hosts, strict=True):
        assert outcome["exit_status"] == 66, host
        assert "not on the internet" in outcome["message"], host
