"""What is derived from the code is as it would be generated; other programs rely on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.generate import ROOT, outdated
from worker.records.checkpoint import CheckpointRecord
from worker.records.job import Outcome
from worker.records.manifest import ManifestRecord
from worker.records.status import StatusRecord


def test_nothing_is_outdated() -> None:
    """Otherwise: scripts/generate, and read what changed before it is committed."""
    assert [str(path.relative_to(ROOT)) for path in outdated()] == []


@pytest.mark.parametrize("name", ["manifest", "status"])
def test_a_schema_names_its_version_and_says_what_fields_mean(name: str) -> None:
    schema: dict[str, Any] = json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text())
    assert isinstance(schema["properties"]["schema_version"]["default"], int)
    assert any("description" in field for field in schema["properties"].values())


def test_a_record_of_another_version_is_not_read_as_this_one() -> None:
    """A reader must not take what it does not know for what it knows."""
    for record, version in ((ManifestRecord, 3), (StatusRecord, 2), (CheckpointRecord, 4)):
        assert record.model_fields["schema_version"].default == version


def test_what_a_newer_worker_adds_does_not_break_a_reader() -> None:
    text = b'{"exit_status": 0, "name": "published", "message": "m", "later": [1]}'
    assert Outcome.from_json(text).message == "m"
