"""The image that is deployed: kept in its repository, and the one before it found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from ops.aws import Aws
from ops.errors import NotThereError
from ops.stack.image import find_previous, keep_image, previous_image, register_beside

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

IMAGES = {letter: f"repository@sha256:{letter * 64}" for letter in "abcd"}
HOST = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com"
DIGEST = "sha256:" + "a" * 64
IMAGE = f"{HOST}/academy-video-worker@{DIGEST}"
REPOSITORY = "academy-video-worker"


@pytest.fixture
def ecr(aws: Aws) -> Iterator[Stubber]:
    with Stubber(aws.ecr) as stub:
        yield stub
        stub.assert_no_pending_responses()


def revision(number: int, image: str, status: str = "ACTIVE") -> JobDefinitionTypeDef:
    return {
        "jobDefinitionName": "d",
        "jobDefinitionArn": "arn:d",
        "type": "container",
        "revision": number,
        "status": status,
        "parameters": {"ladder": "auto"},
        "retryStrategy": {"attempts": 1},
        "timeout": {"attemptDurationSeconds": 14400},
        "schedulingPriority": 100,
        "platformCapabilities": ["EC2"],
        "containerProperties": {"image": image, "readonlyRootFilesystem": True},
    }


def history(letters: str) -> list[JobDefinitionTypeDef]:
    return [revision(n, IMAGES[x]) for n, x in enumerate(letters, start=1)]


@pytest.mark.parametrize(
    ("letters", "current", "before"),
    [
        ("abbc", "c", "b"),
        ("abbc", "b", "a"),
        ("abbc", "a", None),
        # c was rolled back from: nothing returns to it.
        ("abcb", "b", "a"),
        ("abcbd", "d", "b"),
    ],
)
def test_the_image_that_ran_before_is_found_among_the_revisions(
    letters: str, current: str, before: str | None
) -> None:
    found = previous_image(history(letters), IMAGES[current])
    assert found == (before and IMAGES[before])


def test_an_image_that_is_not_pinned_is_not_rolled_back_to() -> None:
    assert previous_image([revision(1, "repository:latest")], IMAGES["a"]) is None
    assert previous_image([revision(1, "x:1"), revision(2, IMAGES["a"])], IMAGES["a"]) is None


def test_a_deployed_image_gets_a_tag_that_the_lifecycle_keeps(
    aws: Aws, ecr: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"imageManifest": "{}", "imageManifestMediaType": "application/x"}
    asked = {
        "repositoryName": REPOSITORY,
        "imageIds": [{"imageDigest": DIGEST}],
        "acceptedMediaTypes": ANY,
    }
    tagged = {
        "repositoryName": REPOSITORY,
        "imageManifest": "{}",
        "imageManifestMediaType": "application/x",
        "imageTag": "deployed-aaaaaaaaaaaa",
        "imageDigest": DIGEST,
    }
    ecr.add_response("batch_get_image", {"images": [found]}, asked)
    ecr.add_response("put_image", {}, tagged)
    keep_image(aws, IMAGE, repository=REPOSITORY)
    # Again: the tag is there, and never changes.
    ecr.add_response("batch_get_image", {"images": [found]}, asked)
    ecr.add_client_error("put_image", "ImageAlreadyExistsException", expected_params=tagged)
    keep_image(aws, IMAGE, repository=REPOSITORY)
    assert "academy-video-worker:deployed-aaaaaaaaaaaa keeps this image" in capsys.readouterr().out


def test_an_image_that_is_not_in_the_repository_is_not_deployed(aws: Aws, ecr: Stubber) -> None:
    ecr.add_response("batch_get_image", {"images": [], "failures": []})
    with pytest.raises(NotThereError, match="has no image sha256:a"):
        keep_image(aws, IMAGE, repository=REPOSITORY)


def test_an_image_of_elsewhere_is_left_alone(
    aws: Aws, ecr: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_image(aws, f"registry.example/x@{DIGEST}", repository=REPOSITORY)
    keep_image(aws, f"{HOST}/other@{DIGEST}", repository=REPOSITORY)
    ecr.add_client_error("batch_get_image", "RepositoryNotFoundException")
    keep_image(aws, IMAGE, repository=REPOSITORY)
    shown = capsys.readouterr().err
    assert shown.count("is not in the repository") == 2
    assert "there is no repository academy-video-worker yet" in shown


def test_a_revision_beside_a_stack_that_is_being_updated_differs_in_its_image(aws: Aws) -> None:
    revisions: list[Any] = [
        revision(1, IMAGES["a"], "INACTIVE"),
        revision(2, IMAGES["b"]),
        revision(3, IMAGES["c"], "INACTIVE"),
    ]
    kept = dict(revisions[1])
    for name in ("jobDefinitionArn", "revision", "status"):
        del kept[name]
    kept["containerProperties"] = {**kept["containerProperties"], "image": IMAGES["a"]}
    with Stubber(aws.batch) as batch:
        batch.add_response("describe_job_definitions", {"jobDefinitions": revisions})
        assert find_previous(aws, "d") == IMAGES["a"]
        batch.add_response("describe_job_definitions", {"jobDefinitions": revisions})
        answer = {"jobDefinitionName": "d", "jobDefinitionArn": "arn:d:4", "revision": 4}
        batch.add_response("register_job_definition", answer, kept)
        assert register_beside(aws, "d", IMAGES["a"]) == 4
        batch.assert_no_pending_responses()
