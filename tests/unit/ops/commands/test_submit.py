"""What scripts/submit accepts on its command line."""

from __future__ import annotations

import argparse

import pytest

from ops.__main__ import build_parser
from ops.aws import Aws
from ops.batch.request import check
from ops.commands.submit import given_options, read_submission, run
from ops.errors import UsageError
from worker.config.location import S3Location

LOCATIONS = ("s3://uploads/talk.mp4", "s3://videos/hls/talk")


def parse(*words: str) -> argparse.Namespace:
    return build_parser().parse_args(["submit", *words])


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ((*LOCATIONS, "--report"), "true"),
        ((*LOCATIONS, "--report", "false"), "false"),
        (("--report=true", *LOCATIONS), "true"),
        (("--report", "--detach", *LOCATIONS), "true"),
    ],
)
def test_a_flag_is_given_with_or_without_a_value(words: tuple[str, ...], value: str) -> None:
    arguments = parse(*words)
    assert given_options(arguments) == {"report": value}
    assert tuple(arguments.locations) == LOCATIONS


def test_a_flag_before_source_is_explained_and_shows_no_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--report", "https://x.example/a.mp4?X-Amz-Signature=secret", LOCATIONS[1])
    assert caught.value.code == 64
    shown = capsys.readouterr().err
    assert "--report: takes true or false; put it behind DESTINATION" in shown
    assert "secret" not in shown


def test_the_last_location_is_the_destination_and_those_before_are_parts() -> None:
    arguments = parse("s3://uploads/1.mp4", "s3://uploads/b, 2.mp4", LOCATIONS[1], "--from", "1:00")
    submission = read_submission(arguments)
    assert check(submission).sources == (
        S3Location(bucket="uploads", key="1.mp4"),
        S3Location(bucket="uploads", key="b, 2.mp4"),
    )
    assert submission.destination == LOCATIONS[1]
    assert submission.options == {"from_s": "1:00"}
    assert read_submission(parse(*LOCATIONS)).source == LOCATIONS[0]


@pytest.mark.parametrize("words", [(), ("s3://uploads/1.mp4",)])
def test_a_source_and_a_destination_are_needed(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="give SOURCE and DESTINATION"):
        run(parse(*words), Aws(region="ap-northeast-2", profile=None, endpoint_url=None))


def test_what_is_not_given_is_left_to_the_job_definition() -> None:
    assert given_options(parse(*LOCATIONS)) == {}


def test_a_secret_is_not_handed_on_in_a_job_that_others_may_see() -> None:
    """Refused before anything is asked of AWS."""
    arguments = parse(*LOCATIONS, "--environment", "WORKER_KEY_SECRET=canary")
    with pytest.raises(UsageError, match="WORKER_KEY_SECRET: everyone who may see") as raised:
        run(arguments, Aws(region="ap-northeast-2", profile=None, endpoint_url=None))
    assert "canary" not in str(raised.value)
