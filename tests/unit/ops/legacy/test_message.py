"""Messages of the former queue: which are jobs, and why others are not."""

from __future__ import annotations

import json

import pytest

from ops.batch.request import Submission
from ops.errors import UsageError
from ops.legacy.drain import job_name
from ops.legacy.message import Mapped, read_message

PLAIN = {"source": "s3://uploads/a.mp4", "destination": "s3://videos/a"}


def test_source_and_destination_make_a_job() -> None:
    assert read_message(json.dumps(PLAIN)) == Submission(
        source=PLAIN["source"], destination=PLAIN["destination"]
    )


def test_the_workers_options_are_taken_and_other_fields_ignored() -> None:
    body = {**PLAIN, "time_limit": 7200, "ladder": [720, 480], "courseId": 7}
    assert read_message(json.dumps(body)).options == {"time_limit_s": "7200", "ladder": "720,480"}


def test_a_notification_of_sns_holds_the_message() -> None:
    body = {"Type": "Notification", "Message": json.dumps(PLAIN)}
    assert read_message(json.dumps(body)).source == PLAIN["source"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{", "not JSON"),
        ("[]", "no object"),
        ("{}", "no source and no destination"),
        (json.dumps({**PLAIN, "destination": ""}), "no destination"),
        (json.dumps({**PLAIN, "source": [1]}), "no source"),
        (json.dumps({"Records": [{"s3": {}}]}), "names no destination"),
        (json.dumps({**PLAIN, "source": "a.mp4"}), "path of this machine"),
        (json.dumps({**PLAIN, "ladder": "large"}), "--ladder"),
    ],
)
def test_what_is_no_job_says_why(body: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_message(body)


def test_a_job_is_named_after_its_message_the_same_each_time() -> None:
    assert job_name("0f9e-1") == job_name("0f9e-1") == "drain-0f9e-1"
    assert job_name("a/b c") == "drain-a-b-c"


FORMER = {"job_id": "6b1d", "tenant_id": 7, "video_id": 123, "file_key": "a b/c.mp4", "attempt": 1}
MAPPED = Mapped(
    source="s3://uploads/{file_key}", destination="s3://videos/hls/{tenant_id}/{video_id}"
)


def test_a_message_of_the_former_worker_is_mapped() -> None:
    assert read_message(json.dumps(FORMER), MAPPED) == Submission(
        source="s3://uploads/a b/c.mp4", destination="s3://videos/hls/7/123"
    )
    # One that names them itself is taken as it is.
    assert read_message(json.dumps({**FORMER, **PLAIN}), MAPPED).source == PLAIN["source"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"file_key": None}, "no file_key"),
        ({"file_key": ""}, "no file_key"),
        ({"video_id": True}, "no video_id"),
        ({"tenant_id": {"a": 1}}, "no tenant_id"),
        ({"file_key": "../x.mp4"}, "cannot be a part of a key"),
        ({"file_key": "a/../x.mp4"}, "cannot be a part of a key"),
        ({"file_key": "/x.mp4"}, "cannot be a part of a key"),
        ({"file_key": "a?b=c"}, "cannot be a part of a key"),
        ({"video_id": "1\n2"}, "cannot be a part of a key"),
        ({"source": "s3://uploads/x"}, "no destination"),
    ],
)
def test_a_message_of_the_former_worker_that_is_no_job_says_why(
    change: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        read_message(json.dumps({**FORMER, **change}), MAPPED)


def test_without_templates_they_are_asked_for() -> None:
    with pytest.raises(ValueError, match="give --source-template"):
        read_message(json.dumps(FORMER))


@pytest.mark.parametrize(
    ("source", "destination", "why"),
    [
        ("s3://a/{key}", "s3://b/{video_id}", "--source-template .* no such field: key"),
        ("s3://a/{file_key}", "s3://b/all", "--destination-template .* names no field"),
    ],
)
def test_a_template_names_fields_of_the_message(source: str, destination: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Mapped(source=source, destination=destination)
