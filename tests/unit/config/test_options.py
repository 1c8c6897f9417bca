"""One source for options: what is declared once in `Job` is known everywhere."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator

from tests.generate import options_table
from tests.unit.sample import job
from worker.config.cli import build_parser
from worker.config.job import Job
from worker.config.option import (
    GivenBy,
    changed_options,
    options_of,
    parameter,
    split_values,
    variable,
)
from worker.plan.digest import request_digest


class LargerJob(Job):
    """A job with three more options."""

    first_one_s: float = parameter(
        5, changes_output=True, metavar="SECONDS", description="waits | for"
    )
    second_one: bool = variable(default=False, changes_output=False, description="a flag")
    third_one: Annotated[tuple[str, ...], BeforeValidator(split_values)] = variable(
        (), changes_output=True, metavar="T", description="repeatable"
    )


def larger(**changes: object) -> LargerJob:
    return LargerJob.model_validate({**job().model_dump(), **changes})


def test_an_option_that_is_added_is_on_the_command_line() -> None:
    shown = build_parser(LargerJob).format_help()
    assert "--first-one SECONDS" in shown
    assert "(default: 5)" in shown
    assert "--second-one [BOOL]" in shown
    assert "--third-one T" in shown


def test_an_option_that_is_added_is_in_the_table_of_the_docs() -> None:
    table = options_table(LargerJob)
    assert "| `--first-one` | `WORKER_FIRST_ONE` | `5` | waits \\| for |" in table
    assert "| `--second-one` | `WORKER_SECOND_ONE` | `false` | a flag |" in table


def test_an_option_that_is_added_is_part_of_the_request_where_it_changes_the_output() -> None:
    """A forgotten one would be "already published", silently."""
    plain = request_digest("x", larger())
    assert request_digest("x", larger(first_one_s=6)) != plain
    assert request_digest("x", larger(second_one=True)) == plain
    assert request_digest("x", larger(third_one="a\nb")) != plain


def test_an_option_at_its_default_leaves_requests_as_they_were() -> None:
    assert request_digest("x", larger()) == request_digest("x", job())
    assert request_digest("x", job("--segment", "auto", "--ladder", "auto")) == request_digest(
        "x", job()
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--ladder", "720"],
        ["--copy-top", "never"],
        ["--max-frame-rate", "60"],
        ["--segment", "4"],
        ["--audio-language", "ko"],
        ["--loudness", "-16"],
        ["--chapters"],
        ["--allow-truncated"],
    ],
)
def test_what_changes_the_output_is_another_request(words: list[str]) -> None:
    assert request_digest("x", job(*words)) != request_digest("x", job())
    assert len(changed_options(job(*words))) == 1


@pytest.mark.parametrize("words", [["--preset", "slow"], ["--time-limit", "60"], ["--report"]])
def test_what_does_not_change_it_is_the_same_request(words: list[str]) -> None:
    assert request_digest("x", job(*words)) == request_digest("x", job())


def test_another_source_is_another_request() -> None:
    assert request_digest("x", job()) != request_digest("y", job())


def test_names_are_derived_from_the_field() -> None:
    option = next(each for each in options_of(LargerJob) if each.field == "first_one_s")
    assert (option.name, option.variable, option.parameter) == (
        *("--first-one", "WORKER_FIRST_ONE", "first_one"),
    )
    assert option.given_by is GivenBy.PARAMETER


def test_a_field_that_does_not_say_what_it_is_cannot_be_an_option() -> None:
    class Forgotten(BaseModel):
        bare: int = 1

    with pytest.raises(TypeError, match="bare is not declared with parameter"):
        options_of(Forgotten)


@pytest.mark.parametrize(
    ("asked", "lanes", "expected"), [(8, 2, 8), (8, 64, 16), (1, 2, 1), (64, 64, 64)]
)
def test_many_lanes_have_more_uploads_at_a_time(asked: int, lanes: int, expected: int) -> None:
    assert job("--upload-threads", str(asked)).uploads_beside(lanes) == expected
