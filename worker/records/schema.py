"""JSON Schemas of the records that other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping

from worker.records.base import Record
from worker.records.callback import (
    CompletedRecord,
    FailedRecord,
    ProgressRecord,
    PublishedRecord,
    StartedRecord,
)
from worker.records.manifest import ManifestRecord
from worker.records.status import StatusRecord

SCHEMAS: Mapping[str, type[Record]] = {
    "manifest": ManifestRecord,
    "status": StatusRecord,
    "video.started": StartedRecord,
    "video.progress": ProgressRecord,
    "video.published": PublishedRecord,
    "video.completed": CompletedRecord,
    "video.failed": FailedRecord,
}


def render_schema(name: str) -> str:
    """Return the JSON Schema of a record as text."""
    schema = SCHEMAS[name].model_json_schema(mode="serialization")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
