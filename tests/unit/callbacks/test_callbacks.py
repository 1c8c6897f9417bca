"""The four events: what is in them, and that docs/callbacks.md shows them as they are."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import Clock, RecordingStore
from tests.unit.publish.test_publish import publish_to
from worker.callbacks import callbacks as module
from worker.callbacks.callbacks import PROGRESS_EVERY_S, Callbacks
from worker.callbacks.post import Message
from worker.config.callback_options import CallbackOptions
from worker.config.job import Job
from worker.errors import TerminatedError
from worker.outcome import outcome_of
from worker.records.callback import UndeliveredRecord
from worker.records.schema import SCHEMAS
from worker.runtime.budget import Budget

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "callbacks.md").read_text(encoding="utf-8")
EVENTS = [name for name in SCHEMAS if name.startswith("video.")]
OPTIONS = CallbackOptions.model_validate(
    {
        "notify": "https://api.example/hook",
        "notify_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "job_id": "job.1",
        "tag": "lesson=4711",
    }
)
SOURCE = "https://uploads.example/talk.mp4?X-Amz-Signature=canary"


class Sent:
    """Stands for the delivery."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def put(self, message: Message) -> None:
        self.messages.append(message)

    def close(self) -> tuple[UndeliveredRecord, ...]:
        return ()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message.body) for message in self.messages]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    sent = Sent()
    monkeypatch.setattr(module, "_open_delivery", lambda *_: sent)
    return sent


def callbacks(
    clock: Clock | None = None, options: CallbackOptions | None = OPTIONS, **of_job: object
) -> Callbacks:
    values = {"source": SOURCE, "destination": "s3://videos/hls/talk", **of_job}
    return Callbacks(
        options,
        budget=Budget(time_limit_s=600, clock=clock or Clock()),
        now=lambda: datetime.now(UTC),
        job=Job.model_validate(values),
    )


def test_each_event_has_a_section_of_its_own_with_its_json() -> None:
    shown = dict(
        re.findall(
            r"^## (video\.\w+)\n(?:(?!^## ).)*?^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
        )
    )
    # In the form of video.published.
    assert list(shown) == [event for event in EVENTS if event != "video.completed"]
    for name, text in shown.items():
        example = json.loads(text)
        record = SCHEMAS[name].from_json(text.encode())
        assert json.loads(record.model_dump_json()) == example, name
        assert example["type"] == name


def test_what_a_job_publishes_for_the_second_time_is_complete(sent: Sent) -> None:
    there = callbacks()
    manifest = publish_to(RecordingStore()).manifest
    for missing in (("1080p",), ()):
        changed = manifest.model_copy(update={"missing_rungs": missing})
        there.published(changed, already_published=False)
    found = [(event["type"], event["data"]["missing_rungs"]) for event in sent.events]
    assert found == [("video.published", ["1080p"]), ("video.completed", [])]


def test_the_query_of_the_source_is_left_out(sent: Sent) -> None:
    callbacks().started(time_limit_s=60)
    assert sent.events[0]["data"]["source"] == "https://uploads.example/talk.mp4?…"


def test_an_event_says_of_which_parts_and_what_of_them(sent: Sent) -> None:
    callbacks(source=[SOURCE, "s3://uploads/2.mp4"], from_s="1:00.5").started(time_limit_s=60)
    data = sent.events[0]["data"]
    assert data["parts"] == ["https://uploads.example/talk.mp4?…", "s3://uploads/2.mp4"]
    assert data["source"] == data["parts"][0]
    assert data["clip"] == {"start_s": 60.5, "end_s": None}
    assert b"canary" not in sent.messages[0].body


def test_progress_is_reported_every_half_minute_at_most(sent: Sent) -> None:
    clock = Clock()
    there = callbacks(clock)
    for _ in range(9):
        clock.now_s += PROGRESS_EVERY_S / 3
        there.progress(step="encode", percent=1, seconds_left=None)
    assert len(sent.messages) == 3


def test_an_event_has_an_id_of_its_own_in_each_attempt_of_a_job(sent: Sent) -> None:
    """A job id may be used twice: what the second attempt reports is no duplicate."""
    outcome = outcome_of(TerminatedError("SIGTERM"))
    for _ in range(2):
        there = callbacks()
        there.started(time_limit_s=60)
        there.failed(outcome)
    assert len({message.id for message in sent.messages}) == 4
    # A full stop separates what is signed.
    assert all(re.fullmatch(r"msg_[0-9a-f]{32}", message.id) for message in sent.messages)
    assert [event["data"]["sequence"] for event in sent.events] == [1, 2, 1, 2]
    assert sent.events[1]["data"]["outcome"] == json.loads(outcome.model_dump_json())


def test_without_a_url_nothing_is_sent(sent: Sent) -> None:
    there = callbacks(options=None)
    there.started(time_limit_s=60)
    there.failed(outcome_of(TerminatedError("SIGTERM")))
    assert there.close() == ()
    assert sent.messages == []


def test_an_event_that_cannot_be_written_is_no_fault_of_the_job(sent: Sent) -> None:
    outcome = outcome_of(TerminatedError("\udcff"))
    callbacks().failed(outcome)
    assert sent.messages == []
