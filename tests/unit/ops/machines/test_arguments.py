"""What `scripts/submit --machines` takes, and what of it makes no sense."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from ops.__main__ import build_parser
from ops.batch.request import Submission
from ops.commands.submit import given_options, run
from ops.errors import UsageError
from ops.machines.arguments import with_machines

if TYPE_CHECKING:
    from ops.aws import Aws

LOCATIONS = ("s3://uploads/talk.mp4", "s3://videos/hls/talk")
AUTO = ("--machines", "auto", "--within", "20m", "--length", "3h")


def parse(*words: str) -> argparse.Namespace:
    return build_parser().parse_args(["submit", *LOCATIONS, *words])


def resolve(aws: Aws, *words: str, vcpus: int | None = None) -> Submission:
    arguments = parse(*words)
    source, destination = LOCATIONS
    submission = Submission(
        source=source, destination=destination, options=given_options(arguments), vcpus=vcpus
    )
    return with_machines(arguments, aws, submission)


def test_a_number_is_taken_as_it_is(aws: Aws) -> None:
    assert resolve(aws, "--machines", "8").machines == 8
    assert resolve(aws).machines == 1


def test_auto_becomes_a_number_by_the_vcpus_that_the_job_has(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = {
        "jobDefinitionName": "academy-video-batch-jobdef",
        "jobDefinitionArn": "arn",
        "revision": 1,
        "type": "container",
        "containerProperties": {"resourceRequirements": [{"type": "VCPU", "value": "4"}]},
    }
    with Stubber(aws.batch) as batch:
        batch.add_response("describe_job_definitions", {"jobDefinitions": [definition]})
        assert resolve(aws, *AUTO, "--price", "0.04").machines == 4
    shown = capsys.readouterr().out
    assert "4 machines: about 18 min, 3.8 vCPU-hours, cost 0.15" in shown
    assert "1 machine: about" in shown
    # Without a call where the job has vCPUs of its own.
    assert resolve(aws, *AUTO, vcpus=2).options["machines"] == "7"


def test_for_programs_the_reasons_are_no_part_of_the_answer(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    resolve(aws, *AUTO, "--json", vcpus=2)
    answer = capsys.readouterr()
    assert answer.out == ""
    assert "7 machines" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--machines", "auto"), "needs --within .* and --length"),
        (("--machines", "auto", "--within", "15m"), "needs --within .* and --length"),
        (("--machines", "4", "--within", "15m"), "with --machines auto only"),
        (("--length", "3h"), "with --machines auto only"),
        (("--price", "0.04"), "--price is of use with"),
        ((*AUTO[:3], "soon", *AUTO[4:]), "--within 'soon'"),
        ((*AUTO, "--ladder", "x"), "--ladder"),
        (("--machines", "65"), "--machines"),
        (("--environment", "WORKER_MACHINES=4"), "WORKER_MACHINES: give --machines"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    aws: Aws, words: tuple[str, ...], message: str
) -> None:
    arguments = parse(*words, "--vcpus", "2")
    with pytest.raises(UsageError, match=message):
        run(arguments, aws)


def test_auto_is_for_one_video(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.commands.submit.find_buckets", lambda *_: None)
    words = ["submit", "--list", str(tmp_path / "list.csv"), "--machines", "auto"]
    with pytest.raises(UsageError, match="a column machines"):
        run(build_parser().parse_args(words), aws)
