"""The preview of an encrypted lecture plays with its secret, and says so where it has none."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from tests.functional.browser import assert_no_fault, run_in_browser
from tests.functional.conftest import ROOT
from tests.functional.encryption.conftest import DURATION_S, OTHER_SECRET, SECRET, Api, Encrypted
from tests.functional.encryption.test_stored import segments
from tests.functional.preview.previewing import previewing

VARIABLE = "WORKER_KEY_SECRET"


@pytest.fixture(scope="module", autouse=True)
def player() -> None:
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("there is no hls.js; run scripts/setup --dev where there is npm")


def get(url: str, **headers: str) -> bytes:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (loopback)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (loopback)
        data: bytes = answer.read()
        assert int(answer.headers["Content-Length"]) == len(data)
        return data


def test_segments_are_decrypted_on_the_way_and_the_page_plays(
    encrypted: Encrypted, clear: Path, api: Api
) -> None:
    """No key leaves the preview, and the API is not asked for one."""
    expected = segments(clear)
    api.requested.clear()
    with previewing(encrypted.folder, environment={VARIABLE: SECRET}) as running:
        base = f"{running.url}media/"
        for name, paths in segments(encrypted.folder).items():
            playlist = next(encrypted.folder.glob(f"*/{name}/index.*.m3u8"))
            shown = get(base + playlist.relative_to(encrypted.folder).as_posix())
            assert b"EXT-X-KEY" not in shown
            assert b"#EXTINF" in shown
            for path, other in zip(paths, expected[name], strict=True):
                url = base + path.relative_to(encrypted.folder).as_posix()
                assert get(url) == other.read_bytes()
                assert get(url, Range="bytes=10-29") == other.read_bytes()[10:30]
        found = run_in_browser("browse.mjs", "whole", url=running.url, rate=4)
    assert_no_fault(found)
    assert found["end"] == pytest.approx(DURATION_S, abs=0.15)
    assert found["foreignRequests"] == []
    assert api.requested == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "start the preview with its secret in WORKER_KEY_SECRET"),
        ({VARIABLE: OTHER_SECRET}, "another secret than the one in WORKER_KEY_SECRET"),
    ],
)
def test_without_its_secret_page_and_command_say_so(
    encrypted: Encrypted, environment: dict[str, str], said: str
) -> None:
    with previewing(encrypted.folder, environment=environment) as running:
        page = get(running.url).decode()
        assert running.process.stderr
        line = running.process.stderr.readline()
    assert said in page
    assert 'id="locked"' in page
    assert said in line
    assert "AES-128" in page, "the report is shown"
    assert SECRET not in page + line
