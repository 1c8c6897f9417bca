"""What a chaos run works on: a source, jobs of several kinds, and stores of several makes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from botocore.exceptions import ClientError

from tests.functional.conftest import ACCESS_KEY, SECRET_KEY, Server, ffmpeg, free_port
from tests.functional.conftest import serving as serve
from tests.functional.worker_process import python_arguments
from tests.published import Shape, compare, shape
from worker.config.location import S3Location
from worker.storage.base import Store
from worker.storage.local import LocalStore
from worker.storage.s3 import S3Store

# The proportions of the lease, faster: a job that stands still is taken over after a second.
FAST_LEASE = (
    "import worker.storage.lease as lease, worker.monitoring.status as status\n"
    "lease.STALE_S, lease._WATCH_S = 1.0, 0.1\n"
    "status.HEARTBEAT_S, status._LEAST_INTERVAL_S = 0.3, 0.1"
)
_OPTIONS = ("--ladder", "360,180", "--segment", "2", "--log-level", "debug")
_ENCRYPTED = ("--encrypt", "--key-uri", "https://keys.example/{key_id}")
SECRET = "a secret of the tests, 32 bytes or more"
# Each is tried in turn; all publish the source's subtitles.
KINDS = {
    "plain": (),
    "two lanes": ("--parallel-spans", "2"),
    "copied top rung": ("--copy-top", "always"),
    "chapters": ("--chapters",),
    "first rung": ("--publish-when", "first-rung", "--download", "mp4"),
    "muxed": ("--audio", "muxed", "--parallel-spans", "2"),
    "muxed and encrypted": ("--audio", "muxed", *_ENCRYPTED),
    "first rung, copied, muxed and encrypted": (
        *("--publish-when", "first-rung", "--parallel-spans", "2"),
        *("--copy-top", "always", "--audio", "muxed", *_ENCRYPTED),
    ),
    "copied, muxed and encrypted": ("--copy-top", "always", "--audio", "muxed", *_ENCRYPTED),
}
BUCKET = "chaos"
STORES = ("local", "moto", "ceph", "rclone")
Target: TypeAlias = tuple[Store, str, Server | None]


class Trial:
    """A source, the shapes of its uninterrupted results, and stores to publish to."""

    def __init__(self, folder: Path, servers: dict[str, Server], preset: str) -> None:
        self.source, self.work = folder / "in.mp4", folder / "work"
        self.longest_s = 0.0
        self._folder, self._servers, self._preset = folder, servers, preset
        self._references: dict[str, Shape] = {}
        self.work.mkdir()
        texts = folder / "in.srt"
        texts.write_text(
            "".join(
                f"{i + 1}\n00:00:{2 * i:02},000 --> 00:00:{2 * i + 1:02},000\nline {i}\n\n"
                for i in range(10)
            )
        )
        ffmpeg(
            *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=20"),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=20"),
            *("-i", texts, "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac"),
            # Without them no kind copies the top rung.
            *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
            *("-color_range", "tv"),
            *("-c:s", "mov_text", "-pix_fmt", "yuv420p", "-t", "20", self.source),
        )

    def reference(self, kind: str) -> Shape:
        """Return what an uninterrupted job of this kind publishes; made once."""
        if kind not in self._references:
            whole = str(self._folder / f"whole-{kind}")
            started_s = time.monotonic()
            if self.submit(kind, whole, None).wait(300) != 0:
                raise SystemExit(f"the uninterrupted job failed ({kind})")
            self.longest_s = max(self.longest_s, time.monotonic() - started_s)
            self._references[kind] = shape(LocalStore(Path(whole)), SECRET)
        return self._references[kind]

    def differences(self, kind: str, store: Store, destination: str) -> list[str]:
        """Compare what is published with what an uninterrupted job publishes."""
        reference = self.reference(kind)
        try:
            found = shape(store, SECRET)
        except (AssertionError, ClientError) as error:
            return [f"{destination} is not published whole: {error!r}"]
        return [
            f"{destination}: {rendition} differs from the uninterrupted one: {difference}"
            for rendition in reference.keys() | found.keys()
            if (difference := compare(reference.get(rendition), found.get(rendition)))
        ]

    def open(self, store: str, name: str) -> Target:
        """Return a store, and the destination and the server that the worker gets."""
        if store == "local":
            return LocalStore(self._folder / name), str(self._folder / name), None
        server = self._servers[store]
        location = S3Location(bucket=BUCKET, key=name)
        return S3Store(server.client(), location), str(location), server

    def submit(
        self,
        kind: str,
        destination: str,
        server: Server | None,
        *options: str,
        before: str = FAST_LEASE,
        stdout: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start a job; `options` are further ones. `before` runs in its process first."""
        arguments = [*_OPTIONS, *KINDS[kind], "--preset", self._preset]
        arguments += ["--source", str(self.source), "--destination", destination]
        arguments += options
        if server:
            arguments += ["--s3-endpoint", server.endpoint]
        environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.work),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "ap-northeast-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "WORKER_KEY_SECRET": SECRET,
        }
        return subprocess.Popen(
            [sys.executable, *python_arguments(before), *arguments],
            env=environment,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )


@contextlib.contextmanager
def serving(stores: tuple[str, ...], folder: Path) -> Iterator[dict[str, Server]]:
    """Start the servers of these stores, each with the bucket."""
    programs = Path(sys.executable).parent
    with contextlib.ExitStack() as stack:
        servers = {}
        for store in stores:
            port = str(free_port())
            data = folder / store
            commands: dict[str, list[str | Path]] = {
                "moto": [programs / "moto_server", "-p", port],
                "ceph": ["scripts/ceph-rig", "--serve", port],
                "rclone": [
                    *(programs / "rclone", "serve", "s3", "--config", os.devnull),
                    *("--addr", f"127.0.0.1:{port}"),
                    *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", data),
                ],
            }
            if store in commands:
                data.mkdir()
                command = [str(word) for word in commands[store]]
                servers[store] = stack.enter_context(serve(store, command, int(port)))
                servers[store].make_bucket(BUCKET)
        yield servers
