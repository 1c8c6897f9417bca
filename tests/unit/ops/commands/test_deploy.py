"""Deployments: which image and parameters are accepted."""

from __future__ import annotations

import pytest

from ops.commands.deploy import check_parameters, read_parameters
from ops.errors import UsageError
from ops.stack.image import check_pinned


@pytest.mark.parametrize(
    "image", ["repository:latest", "repository", "repository@sha256:abc", f"x y@sha256:{'a' * 64}"]
)
def test_an_image_that_is_not_pinned_is_refused(image: str) -> None:
    with pytest.raises(UsageError, match="not pinned by digest"):
        check_pinned(image)
    with pytest.raises(UsageError, match="not pinned by digest"):
        read_parameters([f"ImageUri={image}"])


def test_unknown_and_missing_parameters_are_reported_together() -> None:
    known = {"ImageUri": None, "SourceBucket": None, "MaxVcpus": "64", "SourcePrefix": ""}
    with pytest.raises(UsageError, match=r"Sauce.*--image.*SourceBucket="):
        check_parameters({"Sauce": "1"}, known, {})
    check_parameters({}, known, {"ImageUri": "x", "SourceBucket": "y"})
