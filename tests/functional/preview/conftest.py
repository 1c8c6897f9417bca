"""One published sample, and a preview that serves it, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.conftest import ROOT
from tests.functional.preview.previewing import Previewing, Sample, previewing, publish_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return publish_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def served(sample: Sample) -> Iterator[Previewing]:
    if not (ROOT / "worker" / "preview" / "player" / "hls.min.js").is_file():
        pytest.skip("there is no hls.js; run scripts/setup --dev where there is npm")
    with previewing(sample.folder) as running:
        yield running
