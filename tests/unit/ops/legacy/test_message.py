"""Messages of the former queue: which are jobs, and why others are not."""

from __future__ import annotations

import json

import pytest

from ops.batch.request import Submission
from ops.legacy.drain import job_name
from ops.legacy.message import read_message

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
        (json.dumps({**PLAIN, "source": ["s3://a"]}), "no source"),
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
