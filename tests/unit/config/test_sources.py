"""Several files as one option, safe for any name; and the clip of them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.config.cli import parse_job
from worker.config.clip import Clip
from worker.config.job import Job, made_of
from worker.config.location import parse_location
from worker.config.sources import (
    MAX_SOURCES,
    join_sources,
    joined_identity,
    part_name,
    split_sources,
)
from worker.errors import BadParametersError
from worker.plan.digest import request_digest

OUT = ("--destination", "s3://videos/out")
# As long as the names of keys may be, with what separates values elsewhere.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


def job(*words: str, **environment: str) -> Job:
    return parse_job([*words, *OUT], environment)


def shown(*words: str, **environment: str) -> list[str]:
    return [str(location) for location in job(*words, **environment).sources]


def fault(*words: str) -> str:
    with pytest.raises(BadParametersError) as raised:
        job(*words)
    return str(raised.value)


def test_sources_are_joined_in_the_order_in_which_they_are_given() -> None:
    first, second = "s3://uploads/b, part 1.mp4", "s3://uploads/a part 2.mp4"
    assert shown("--source", first, "--source", second) == [first, second]
    text = join_sources([first, second])
    assert shown("--source", text) == shown(WORKER_SOURCE=text) == [first, second]
    assert shown("--source", "/c.mp4", WORKER_SOURCE=text) == ["/c.mp4"], "the command line wins"
    assert shown("--source", text, "--source", "/c.mp4") == [first, second, "/c.mp4"]
    assert shown("--source", "", "--source", first) == [first]


@given(st.lists(NAMES.map(lambda name: f"s3://uploads/x{name}"), min_size=1, max_size=4))
def test_any_keys_are_read_as_they_were_written(locations: list[str]) -> None:
    assert split_sources(join_sources(locations)) == locations


@given(NAMES)
def test_who_names_an_upload_cannot_make_several_of_it(name: str) -> None:
    """Or a video that is uploaded could have somebody else's joined to it."""
    assert split_sources(f's3://["{name}') == [f's3://["{name}'], "nor one that fails"
    for upload in (f"s3://uploads/{name}", f's3://uploads/x\n["s3://other/{name}", "s3://b/c"]'):
        assert split_sources(upload) == [upload]


def test_one_source_is_read_as_it_stands() -> None:
    for text in ("[1] talk.mp4", "[a, b].mov", "a\nb.mp4", " a.mp4 "):
        assert job("--source", text).sources == (parse_location(text),)
        assert join_sources([text]) == text


def test_faults_name_the_part_and_no_secret() -> None:
    good = ("--source", "s3://uploads/a.mp4", "--source")
    assert "--source: part 2 of 2 names a bucket but no object" in fault(*good, "s3://uploads")
    message = fault(*good, "s3://u/b?X-Amz-Signature=canary", "--source", "ftp://x/y")
    assert "part 2 of 3 holds a signature" in message
    assert "part 3 of 3 scheme ftp:// is not known" in message
    assert "canary" not in message
    assert "is no JSON list of locations" in fault("--source", '["s3://uploads/a.mp4"')
    assert "is no JSON list of locations" in fault("--source", '["s3://uploads/a.mp4", 1]')
    many = ["--source", "/a.mp4"] * (MAX_SOURCES + 1)
    assert "--source: there are 33; 32 are joined at most" in fault(*many)
    assert len(job(*many[2:]).sources) == MAX_SOURCES
    assert "is needed (or WORKER_SOURCE)" in fault()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("01:02:03.5", Fraction(7447, 2)),
        ("3723.5", Fraction(7447, 2)),
        ("90:00", Fraction(5400)),
        ("0:05.001", Fraction(5001, 1000)),
        ("0.1", Fraction(1, 10)),
    ],
)
def test_a_moment_is_exact(text: str, seconds: Fraction) -> None:
    clip = job("--source", "/a", "--from", text, "--to", "9:00:00").clip
    assert clip == Clip(start_s=seconds, end_s=Fraction(32_400))


@pytest.mark.parametrize(
    "text", ["1:60", "0:0:61", "1:61:00", "-1", "1e3", ":5", "5.", "1:2:3:4", "1_0", "٣", "1/3"]
)
def test_what_is_no_moment_is_a_fault(text: str) -> None:
    assert "--from: write HH:MM:SS.mmm, MM:SS or seconds" in fault(
        "--source", "/a", f"--from={text}"
    )


def test_an_end_that_is_not_after_the_start_is_a_fault() -> None:
    for end in ("0:05", "4.999"):
        words = ("--source", "/a", "--from", "5", "--to", end)
        assert "--to: is not after --from" in fault(*words)
    assert job("--source", "/a", "--to", "5").clip == Clip(end_s=Fraction(5))


def test_a_clip_and_the_order_of_parts_are_another_request() -> None:
    plain = job("--source", "/a")
    cut = [job("--source", "/a", *words) for words in (("--from", "5"), ("--to", "5"))]
    requests = {request_digest("a", each) for each in (plain, *cut)}
    requests |= {request_digest(joined_identity(ids), plain) for ids in (["a", "b"], ["b", "a"])}
    assert len(requests) == 5
    assert request_digest("a", job("--source", "/a", "--from", "0")) == request_digest("a", plain)


def test_what_was_published_before_parts_and_clips_still_is() -> None:
    """The digest as a worker made it that knew of neither."""
    values = {"source": "/a", "destination": "/b"}
    assert request_digest("x", Job.model_validate(values), version=10) == "94582eb36878b9a4"
    assert joined_identity(["x"]) == "x"


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("s3://uploads/2026/GX01 morning.MP4", "GX01 morning"),
        ("https://h/a/%EA%B0%95%EC%9D%98%0Atalk.mov?X-Amz-Signature=canary", "강의 talk"),
        ("/data/part.1.mkv", "part.1"),
        ("https://h/", "–"),
        (f"/{'x' * 200}.mp4", "x" * 100),
    ],
)
def test_a_part_is_named_by_its_file(location: str, name: str) -> None:
    assert part_name(parse_location(location)) == name


def test_logs_and_records_say_what_a_job_is_made_of() -> None:
    assert made_of(job("--source", "/a")) == {}
    signed = "https://h/b.mp4?X-Amz-Signature=canary"
    made = made_of(job("--source", "/a", "--source", signed, "--from", "1:00.5"))
    assert made == {
        "parts": ("/a", "https://h/b.mp4?…"),
        "clip": {"start_s": 60.5, "end_s": None},
    }
