"""Deployments: which image and parameters are accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.commands.deploy import check_parameters, check_pinned, previous_image, read_parameters
from ops.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

IMAGES = {letter: f"repository@sha256:{letter * 64}" for letter in "abc"}


@pytest.mark.parametrize(
    "image", ["repository:latest", "repository", "repository@sha256:abc", f"x y@sha256:{'a' * 64}"]
)
def test_an_image_that_is_not_pinned_is_refused(image: str) -> None:
    with pytest.raises(UsageError, match="not pinned by digest"):
        check_pinned(image)
    with pytest.raises(UsageError, match="not pinned by digest"):
        read_parameters([f"ImageUri={image}"])


def test_the_image_that_ran_before_is_found_among_the_revisions() -> None:
    def revision(number: int, image: str) -> JobDefinitionTypeDef:
        return {
            "jobDefinitionName": "d",
            "jobDefinitionArn": "arn:d",
            "type": "container",
            "revision": number,
            "containerProperties": {"image": image},
        }

    history = [revision(n, IMAGES[x]) for n, x in enumerate("abbc", start=1)]
    assert previous_image(history, IMAGES["c"]) == IMAGES["b"]
    assert previous_image(history, IMAGES["b"]) == IMAGES["a"]
    assert previous_image(history, IMAGES["a"]) is None
    assert previous_image([revision(1, "repository:latest")], IMAGES["a"]) is None
    # The first image that is pinned: what was deployed before it is not.
    assert previous_image([revision(1, "x:1"), revision(2, IMAGES["a"])], IMAGES["a"]) is None


def test_unknown_and_missing_parameters_are_reported_together() -> None:
    known = {"ImageUri": None, "SourceBucket": None, "MaxVcpus": "64", "SourcePrefix": ""}
    with pytest.raises(UsageError, match=r"Sauce.*--image.*SourceBucket="):
        check_parameters({"Sauce": "1"}, known, {})
    check_parameters({}, known, {"ImageUri": "x", "SourceBucket": "y"})
