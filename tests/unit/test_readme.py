"""Each example of README.md is run by a test, or is named as one that runs the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme import (
    JOB_ID,
    PAGE,
    PRESIGNED,
    R2,
    ROOT,
    RunBy,
    examples,
    examples_of,
    filled_in,
    run_by,
    without_comment,
)


def test_every_example_is_run_or_runs_the_tests() -> None:
    found = examples()
    assert len(found) >= 12
    assert {run_by(example) for example in found} == set(RunBy)
    assert [run_by(example) for example in examples_of(*RunBy)] == [run_by(e) for e in found]


def test_an_example_that_no_test_knows_is_found(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("Text\n```sh\nscripts/testify --fast\n```\n```\nnot shell\n```\n")
    assert examples(page) == ["scripts/testify --fast"]
    with pytest.raises(LookupError, match="scripts/testify --fast"):
        run_by("scripts/testify --fast")


def test_an_example_of_several_lines_is_one() -> None:
    (example,) = [e for e in examples() if R2 in e]
    assert example.startswith(f"scripts/run-local --source '{PRESIGNED}' --destination ")
    assert example.endswith("--s3-region auto")


def test_only_placeholders_are_filled_in() -> None:
    (example,) = [e for e in examples() if JOB_ID in e]
    assert without_comment(filled_in(example, {JOB_ID: "4c75"})) == "scripts/jobs 4c75"


def test_the_korean_page_has_the_same_examples() -> None:
    """What is said beside them is translated."""
    korean = [without_comment(example) for example in examples(ROOT / "README.ko.md")]
    assert korean == [without_comment(example) for example in examples(PAGE)]
