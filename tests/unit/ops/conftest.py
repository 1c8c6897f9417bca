"""What the tests of several commands share."""

from __future__ import annotations

import pytest

from ops.aws import Aws


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Clients with a key that is no secret; a test stubs those that it uses."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    return Aws(region="ap-northeast-2", profile=None, endpoint_url=None)
