"""What SubmitJob is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from ops.aws import Aws
from ops.batch.request import Submission, build_request, check, has_shares, name_for
from ops.errors import NotThereError, UsageError

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef

SOURCE, DESTINATION = "s3://uploads/talk.mp4", "s3://videos/hls/talk"
KNOWN = frozenset({"source", "destination", "ladder", "time_limit"})


def request(**options: str) -> dict[str, object]:
    return dict(
        build_request(
            Submission(source=SOURCE, destination=DESTINATION, options=options),
            known=KNOWN,
            name="n",
            queue="q",
            definition="d",
        )
    )


def test_a_plain_job_has_two_parameters_and_nothing_else() -> None:
    assert request() == {
        "jobName": "n",
        "jobQueue": "q",
        "jobDefinition": "d",
        "parameters": {"source": SOURCE, "destination": DESTINATION},
    }


def test_options_that_the_definition_has_are_parameters_and_others_variables() -> None:
    made = request(ladder="720", s3_endpoint="https://r2.example", segment_s="4")
    assert made["parameters"] == {"source": SOURCE, "destination": DESTINATION, "ladder": "720"}
    assert made["containerOverrides"] == {
        "environment": [
            {"name": "WORKER_S3_ENDPOINT", "value": "https://r2.example"},
            {"name": "WORKER_SEGMENT", "value": "4"},
        ]
    }


@pytest.mark.parametrize(("limit", "deadline"), [("20000", 20000), ("90.5", 91), ("5", 60)])
def test_a_time_limit_is_the_deadline_of_batch_too(limit: str, deadline: int) -> None:
    assert request(time_limit_s=limit)["timeout"] == {"attemptDurationSeconds": deadline}


def test_several_machines_are_the_children_of_an_array_job() -> None:
    made = request(machines="8")
    assert made["arrayProperties"] == {"size": 8}
    assert made["containerOverrides"] == {
        "environment": [{"name": "WORKER_MACHINES", "value": "8"}]
    }
    # Batch takes no array of one.
    assert "arrayProperties" not in request(machines="1")


def shared(*, has_shares: bool = True, **given: Any) -> SubmitJobRequestTypeDef:
    return build_request(
        Submission(source=SOURCE, destination=DESTINATION, **given),
        known=KNOWN,
        name="n",
        queue="q",
        definition="d",
        has_shares=has_shares,
    )


def test_a_job_of_a_queue_with_shares_always_names_one() -> None:
    """Batch refuses it without; and its priority is the job definition's unless it is given."""
    assert shared()["shareIdentifier"] == "default"
    assert "schedulingPriorityOverride" not in shared()
    made = shared(academy="a42", priority=0)
    assert made["shareIdentifier"] == "a42"
    assert made["schedulingPriorityOverride"] == 0


def test_a_queue_without_shares_takes_none() -> None:
    assert "shareIdentifier" not in shared(has_shares=False)
    for given in ({"academy": "a42"}, {"priority": 1}):
        with pytest.raises(UsageError, match="q is first in, first out"):
            shared(has_shares=False, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"academy": "a-42"}, "letters and digits"),
        ({"academy": "a*"}, "letters and digits"),
        ({"academy": ""}, "letters and digits"),
        ({"priority": 10000}, "0 to 9999"),
        ({"priority": -1}, "0 to 9999"),
    ],
)
def test_a_share_that_batch_would_refuse_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(Submission(source=SOURCE, destination=DESTINATION, **given))


def test_the_queue_says_whether_it_has_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = _aws(monkeypatch)
    queue: dict[str, Any] = {
        "jobQueueName": "q",
        "jobQueueArn": "arn:q",
        "state": "ENABLED",
        "priority": 1,
        "computeEnvironmentOrder": [],
    }
    asked = {"jobQueues": ["q"]}
    with Stubber(aws.batch) as stub:
        stub.add_response("describe_job_queues", {"jobQueues": [queue]}, asked)
        assert not has_shares(aws, "q")
        fair = {**queue, "schedulingPolicyArn": "arn:policy"}
        stub.add_response("describe_job_queues", {"jobQueues": [fair]}, asked)
        assert has_shares(aws, "q")
        stub.add_response("describe_job_queues", {"jobQueues": []}, asked)
        with pytest.raises(NotThereError, match="there is no queue q"):
            has_shares(aws, "q")


def _aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    return Aws(region="ap-northeast-2", profile=None, endpoint_url=None)


@pytest.mark.parametrize(
    ("destination", "start"),
    [
        (DESTINATION, "video-hls-talk-"),
        ("s3://videos/hls/강의 7/", "video-hls-7-"),
        ("s3://videos/" + "x" * 300, "video-" + "x" * 111 + "-"),
    ],
)
def test_a_job_is_named_after_its_destination(destination: str, start: str) -> None:
    name = name_for(destination)
    assert name.startswith(start)
    assert len(name) == len(start) + 10
    assert len(name) <= 128
    assert name == name_for(destination.rstrip("/"))


def test_two_destinations_never_share_a_name() -> None:
    alike = (
        "s3://v/hls/a 7",
        "s3://v/hls/a-7",
        "s3://v/hls/강의 7",
        "s3://v/hls/수업 7",
        "s3://w/hls/a-7",
    )
    assert len({name_for(each) for each in alike}) == len(alike)


def test_a_job_of_its_own_size_overrides_the_definition() -> None:
    sized = Submission(source=SOURCE, destination=DESTINATION, vcpus=16, memory_mib=32768)
    check(sized)
    made = build_request(sized, known=KNOWN, name="n", queue="q", definition="d")
    assert made["containerOverrides"] == {
        "resourceRequirements": [
            {"type": "VCPU", "value": "16"},
            {"type": "MEMORY", "value": "32768"},
        ]
    }


@pytest.mark.parametrize("size", [{"vcpus": 0}, {"vcpus": 500}, {"memory_mib": 100}])
def test_a_size_that_no_instance_has_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"--(vcpus|memory): write a whole number from"):
        check(Submission(source=SOURCE, destination=DESTINATION, **size))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "destination", "options", "words"),
    [
        ("talk.mp4", DESTINATION, {}, "path of this machine"),
        (SOURCE, "/videos", {}, "path of this machine"),
        (SOURCE, "https://videos/x", {}, "cannot be an https URL"),
        (SOURCE, DESTINATION, {"subtitles": "ko=talk.srt"}, "--subtitles ko .* of this machine"),
        (
            SOURCE,
            DESTINATION,
            {"subtitles": "en=s3://uploads/a.srt\nko=/a.srt"},
            "--subtitles ko /a.srt",
        ),
        (SOURCE, DESTINATION, {"preset": "quick", "ladder": "1"}, "--ladder"),
    ],
)
def test_what_cannot_work_is_refused(
    source: str, destination: str, options: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        check(Submission(source=source, destination=destination, options=options))


def test_options_that_docs_point_to_are_accepted() -> None:
    check(
        Submission(
            source=SOURCE, destination=DESTINATION, options={"copy_top": "always", "report": "true"}
        )
    )
    made = request(copy_top="always", report="true")
    assert made["containerOverrides"] == {
        "environment": [
            {"name": "WORKER_COPY_TOP", "value": "always"},
            {"name": "WORKER_REPORT", "value": "true"},
        ]
    }


def test_a_refusal_shows_no_signature() -> None:
    with pytest.raises(UsageError) as caught:
        check(
            Submission(
                source="https://x.example/a?X-Amz-Signature=secret",
                destination=DESTINATION,
                options={"ladder": "1"},
            )
        )
    assert "secret" not in str(caught.value)


def test_a_job_that_encrypts_is_submitted_without_the_secret() -> None:
    """The job definition names it; here it is neither needed nor sent."""
    options = {"encrypt": "true", "key_uri": "https://api.example/keys/{key_id}"}
    assert check(Submission(source=SOURCE, destination=DESTINATION, options=options)).encrypt
    with pytest.raises(UsageError, match="--encrypt: needs --key-uri"):
        check(Submission(source=SOURCE, destination=DESTINATION, options={"encrypt": "true"}))
    variables = {"WORKER_ENCRYPT": "true", "WORKER_KEY_URI": options["key_uri"]}
    assert request(**options)["containerOverrides"] == {
        "environment": [{"name": name, "value": value} for name, value in variables.items()]
    }
