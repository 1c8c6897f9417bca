"""How the API signs: the command, and the examples of cdn/README.md, which the guard accepts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.functional.cdn.conftest import CDN, SECRET, Guarded, sign

Sign: TypeAlias = Callable[..., str]


@pytest.fixture(scope="module")
def examples() -> dict[str, str]:
    """The code blocks of the README by their language."""
    text = (CDN / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```(js|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


@pytest.fixture
def python(examples: dict[str, str]) -> Sign:
    names: dict[str, Any] = {}
    exec(compile(examples["python"], "README.md", "exec"), names)  # noqa: S102 (our own page)
    sign_url: Sign = names["sign_url"]
    return sign_url


@pytest.fixture
def javascript(examples: dict[str, str], tmp_path: Path) -> Sign:
    def sign_url(base: str, folder: str, file: str, **options: object) -> str:
        words = ", ".join(map(json.dumps, (base, folder, file, options)))
        program = tmp_path / "sign.mjs"
        program.write_text(f"{examples['js']}\nconsole.log(signUrl({words}));\n", encoding="utf-8")
        answer = subprocess.run(
            ["node", program], capture_output=True, text=True, timeout=60, check=True
        )
        return answer.stdout.strip()

    return sign_url


def get(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (loopback)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("language", ["python", "javascript"])
@pytest.mark.parametrize("viewer", ["", "student-1"])
def test_the_examples_sign_what_the_guard_accepts(
    guarded: Guarded, request: pytest.FixtureRequest, language: str, viewer: str
) -> None:
    sign_url: Sign = request.getfixturevalue(language)
    options = {"secret": SECRET, "minutes": 5, "viewer": viewer}
    url = sign_url(guarded.base, "out", "master.m3u8", **options)
    assert get(url) == 200
    assert get(url.replace("/out/", "/other/")) == 403
    assert get(sign_url(guarded.base, "out", "master.m3u8", **options | {"minutes": 0})) == 401
    wrong = options | {"secret": "x" * 32}
    assert get(sign_url(guarded.base, "out", "master.m3u8", **wrong)) == 403


def test_all_ways_to_sign_give_one_url(
    python: Sign, javascript: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with names that a URL must encode; only the seconds may differ."""
    base, folder, file = "https://v.example", "lectures/강의 1", "master.m3u8"
    options = {"secret": SECRET, "minutes": 5, "viewer": "student-1"}
    words = (
        "--base",
        base,
        "--path",
        f"{folder}/{file}",
        "--minutes",
        "5",
        "--viewer",
        "student-1",
    )
    others = [javascript(base, folder, file, **options), sign(*words)]
    for url in others:
        match = re.search(r"token=(\d{10})\.", url)
        assert match, url
        # The example reads the clock.
        monkeypatch.setattr("time.time", lambda now=int(match[1]) - 300: now)
        assert python(base, folder, file, **options) == url


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--path must be"),
        (("--path", "master.m3u8"), "--path must be"),
        (("--path", "/lectures/master.m3u8"), "--path must be"),
        (("--path", "a/b/c.ts", "--folder", "b"), "--folder must be above"),
        (("--path", "a/b.ts", "--minutes", "soon"), "--minutes must be"),
        (("--path", "a/b.ts", "--viewer", "a.b"), "--viewer has"),
        (("--path", "a/b.ts", "--secret-env", "NONE"), "NONE must be in the environment"),
        (("--paht", "a/b.ts"), "--paht"),
    ],
)
def test_what_cannot_be_signed_is_refused_with_the_reason(
    words: tuple[str, ...], message: str
) -> None:
    answer = subprocess.run(
        ["node", CDN / "sign.js", *words],
        env={"PATH": os.environ["PATH"], "SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 64
    assert answer.stdout == ""
    assert message in answer.stderr
