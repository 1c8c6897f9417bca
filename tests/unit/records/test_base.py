"""What cannot be read as a record of this version."""

from __future__ import annotations

import pytest

from worker.records.base import UnreadableRecordError
from worker.records.manifest import ManifestRecord


def test_another_version_is_named_before_the_fields_that_it_lacks() -> None:
    with pytest.raises(UnreadableRecordError, match=r"^schema_version: "):
        ManifestRecord.from_json(b'{"run": 7, "schema_version": 99}')


@pytest.mark.parametrize("data", [b"", b"{", b"\xff"])
def test_what_is_no_json_is_no_record(data: bytes) -> None:
    with pytest.raises(UnreadableRecordError, match=r"^record: "):
        ManifestRecord.from_json(data)
