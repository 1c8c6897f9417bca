"""The examples of README.md: what each is run by, and what stands for its placeholders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "README.md"
# What a reader replaces, and so does a test. All else is run as it is written.
PRESIGNED = "https://…presigned…"
R2 = "https://ACCOUNT.r2.cloudflarestorage.com"
JOB_ID = "JOB_ID"
# The image has this name where the example above it has built it.
IMAGE = "academy-video-worker"

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
_CONTINUED = re.compile(r"\\\n\s*")


class RunBy(Enum):
    """Which tests run an example."""

    LOCAL = auto()  # tests/functional/test_readme.py: a laptop, and a store
    BATCH = auto()  # tests/functional/test_readme.py: AWS Batch
    CONTAINER = auto()  # tests/e2e/test_readme.py
    # `scripts/test-image` builds the image with it, before its tests run.
    BUILD = auto()
    # They are what runs these tests: one would run itself without end.
    TESTS = auto()


# By how an example begins; the first that fits.
_RUN_BY: Mapping[str, RunBy] = {
    "scripts/run-local": RunBy.LOCAL,
    "scripts/setup --preview": RunBy.LOCAL,
    "scripts/submit": RunBy.BATCH,
    "scripts/jobs": RunBy.BATCH,
    "scripts/audit": RunBy.BATCH,
    "docker run": RunBy.CONTAINER,
    "scripts/build-image": RunBy.BUILD,
    "scripts/test": RunBy.TESTS,
}


def examples(page: Path = PAGE) -> list[str]:
    """Return each command of a page's shell blocks, in order; one of several lines is one."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in _CONTINUED.sub("", block).splitlines()]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def run_by(example: str) -> RunBy:
    """Say which tests run an example.

    Raises:
        LookupError: none does.

    """
    words = example.split()
    for start, tests in _RUN_BY.items():
        if words[: len(start.split())] == start.split():
            return tests
    raise LookupError(f"no test runs this example of README.md: {example}")


def examples_of(*tests: RunBy) -> list[str]:
    """Return the examples that these tests run, in the order of the page."""
    return [example for example in examples() if run_by(example) in tests]


def filled_in(example: str, values: Mapping[str, str]) -> str:
    """Replace placeholders by values."""
    for placeholder, value in values.items():
        example = example.replace(placeholder, value)
    return example


def without_comment(example: str) -> str:
    """Return an example without what is said beside it."""
    return re.sub(r"\s+#.*", "", example)
