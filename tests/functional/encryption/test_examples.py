"""The examples of docs/encryption.md derive what the worker derives."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.functional.encryption.conftest import OTHER_SECRET, SECRET, KeyOf, example
from worker.hls.keys import derive_key, derive_key_id

DESTINATION = "s3://videos/강의 1/talk"


@pytest.fixture
def javascript(tmp_path: Path) -> KeyOf:
    if not shutil.which("node"):
        pytest.skip("there is no Node.js (Debian: nodejs); run scripts/setup --dev")
    program = tmp_path / "key.mjs"

    def key_of(key_id: str, destination: str, secrets: list[str]) -> bytes | None:
        words = ", ".join(map(json.dumps, (key_id, destination, secrets)))
        program.write_text(
            f"{example('js')}\nconsole.log(keyOf({words})?.toString('hex') ?? 'none');\n",
            encoding="utf-8",
        )
        answer = subprocess.run(
            ["node", program], capture_output=True, text=True, timeout=60, check=True
        )
        found = answer.stdout.strip()
        return None if found == "none" else bytes.fromhex(found)

    return key_of


@pytest.mark.parametrize("language", ["key_of", "javascript"])
def test_an_api_has_the_key_of_its_lecture_and_no_other(
    language: str, request: pytest.FixtureRequest
) -> None:
    key_of: KeyOf = request.getfixturevalue(language)
    for secret in (SECRET, OTHER_SECRET):
        key_id = derive_key_id(secret, destination=DESTINATION, form="0123456789abcdef")
        secrets = [OTHER_SECRET, SECRET]
        assert key_of(key_id, DESTINATION, secrets) == derive_key(secret, key_id)
        assert key_of(key_id, f"{DESTINATION}2", secrets) is None
        assert key_of(key_id, DESTINATION, []) is None
        # What would make the API derive something else than a key.
        for strange in ("", key_id[:-1], f"{key_id}\n", key_id.upper(), "0" * 40):
            assert key_of(strange, DESTINATION, secrets) is None
