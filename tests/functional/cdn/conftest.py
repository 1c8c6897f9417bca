"""The guard of cdn/, served over HTTP by Node.js, in front of a published clip."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.conftest import ROOT, ffmpeg, publish

CDN = ROOT / "cdn"
NODE = ROOT / "tests" / "node"
SECRET = "a secret of the tests, 32 bytes or more"
DURATION_S = 12
HEIGHTS = (360, 240)
LADDER = ",".join(map(str, HEIGHTS))
OPTIONS = ("--preset", "superfast", "--ladder", LADDER, "--segment", "2")


@dataclass(frozen=True)
class Guarded:
    """A guard that answers, and how the academy's API signs for it."""

    base: str

    def sign(self, *arguments: str) -> str:
        return sign("--base", self.base, *arguments)


def sign(*arguments: str, secret: str = SECRET) -> str:
    """Run cdn/sign.js and return the URL that it prints."""
    command = ["node", str(CDN / "sign.js"), *arguments]
    environment = {"PATH": os.environ["PATH"], "SECRET": secret}
    answer = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return answer.stdout.strip()


@contextlib.contextmanager
def guarding(**configuration: object) -> Iterator[Guarded]:
    """Serve the guard until the block ends; see tests/node/guard/server.mjs."""
    words = json.dumps({"SECRET": SECRET, **configuration})
    command = ["node", str(NODE / "guard" / "server.mjs"), words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield Guarded(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


@pytest.fixture(scope="session", autouse=True)
def node() -> None:
    if not shutil.which("node"):
        pytest.skip("there is no Node.js (Debian: nodejs); run scripts/setup --dev")


@pytest.fixture(scope="session")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with audio and subtitles."""
    folder = tmp_path_factory.mktemp("lecture")
    subtitles, clip = folder / "text.srt", folder / "lecture.mp4"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:03,000\n안녕하세요\n", encoding="utf-8")
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={DURATION_S}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={DURATION_S}"),
        *("-i", subtitles, "-map", "0", "-map", "1", "-map", "2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-c:s", "mov_text", clip),
    )
    return clip


@pytest.fixture(scope="session")
def published(lecture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip published; the folder above stands for the bucket."""
    return publish(tmp_path_factory.mktemp("bucket"), lecture, *OPTIONS)


@pytest.fixture(scope="session")
def muxed(lecture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the audio in each rung's segments, and with subtitles that were added later."""
    folder, options = tmp_path_factory.mktemp("muxed"), (*OPTIONS, "--audio", "muxed")
    publish(folder, lecture, *options)
    (folder / "talk.smi").write_text(
        "<SAMI><BODY><SYNC Start=1000><P Class=KRCC>하나<SYNC Start=2000><P Class=KRCC>둘"
        "<SYNC Start=3000><P Class=KRCC>&nbsp;",
        encoding="cp949",
    )
    return publish(folder, lecture, *options, "--subtitles", f"ko={folder / 'talk.smi'}")


@pytest.fixture(scope="session")
def guarded(published: Path) -> Iterator[Guarded]:
    with guarding(folder=str(published.parent)) as running:
        yield running
