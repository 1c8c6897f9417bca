"""Parameters: one table, two ways in, every fault reported at once, no secret echoed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.config.cli import build_parser, parse_job
from worker.config.job import Job
from worker.config.location import HttpsLocation, LocalLocation, S3Location, parse_location
from worker.config.option import GivenBy, options_of
from worker.config.values import StoreKeys, keys_in
from worker.errors import BadParametersError
from worker.media.timeline import CLOCK_HZ, START_OFFSET_S

GOOD = ["--source", "s3://bucket/in.mp4", "--destination", "s3://bucket/out"]


def fault(arguments: list[str], environment: dict[str, str] | None = None) -> str:
    with pytest.raises(BadParametersError) as raised:
        parse_job(arguments, environment or {})
    return str(raised.value)


def test_every_field_is_an_option_and_a_variable() -> None:
    shown = build_parser().format_help()
    for option in options_of(Job):
        # A secret in an argument list could be read by others.
        assert (f" {option.name} " in shown) is (option.given_by is not GivenBy.SECRETS)
        assert option.variable.startswith("WORKER_")


@pytest.mark.parametrize("of", ["", "SOURCE_"])
def test_a_store_has_both_of_its_keys_or_none(of: str) -> None:
    key_id, key = f"WORKER_{of}S3_ACCESS_KEY_ID", f"WORKER_{of}S3_SECRET_ACCESS_KEY"
    job = parse_job(GOOD, {key_id: "one", key: "canary"})
    assert "canary" not in repr(job)
    for given, missing in ((key_id, key), (key, key_id)):
        with pytest.raises(BadParametersError, match=f"{missing}: is needed where {given}"):
            parse_job(GOOD, {given: "canary"})


def test_an_operators_environment_has_the_keys_of_a_store_as_a_job_has() -> None:
    names = {"WORKER_S3_ACCESS_KEY_ID": "one", "WORKER_S3_SECRET_ACCESS_KEY": "canary"}
    keys = keys_in(names)
    assert keys == StoreKeys(access_key_id="one", secret_access_key="canary")
    assert "canary" not in repr(keys)
    assert keys_in({}) is None


def subtitles(*values: str) -> list[tuple[str, str]]:
    job = parse_job([*GOOD, *(word for value in values for word in ("--subtitles", value))], {})
    return [(each.language, str(each.location)) for each in job.subtitles]


def test_subtitles_are_given_by_language() -> None:
    given = (
        "kor=s3://bucket/a=1.srt",
        "EN = https://host/a.vtt?X-Amz-Signature=canary",
        "zh-Hant=/a",
    )
    assert subtitles(*given) == [
        ("ko", "s3://bucket/a=1.srt"),
        ("en", "https://host/a.vtt?…"),
        ("zh-Hant", "/a"),
    ]
    assert subtitles() == []
    job = parse_job(GOOD, {"WORKER_SUBTITLES": "ko=s3://bucket/a.srt\n\nen=s3://bucket/b.srt\n"})
    assert [each.language for each in job.subtitles] == ["ko", "en"]
    assert "canary" not in repr(parse_job([*GOOD, "--subtitles", given[1]], {}))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (["s3://bucket/canary.srt"], "LANGUAGE=LOCATION"),
        (["ko="], "LANGUAGE=LOCATION"),
        (["qqq=/canary"], "no code of a language"),
        (["und=/canary"], "no code of a language"),
        (["Korean=/canary"], "no code of a language"),
        (["ko=s3://bucket"], "names a bucket but no object"),
        (["ko=ftp://b/canary"], "scheme ftp:// is not known"),
        (["ko=/canary", "kor=/b"], "ko is given twice"),
        (["zh-hant=/canary", "zh-Hant=/b"], "zh-hant is given twice"),
        (
            [
                f"{code}=/canary"
                for code in (
                    "ko",
                    "en",
                    "ja",
                    "zh",
                    "fr",
                    "de",
                    "es",
                    "it",
                    "pt",
                    "nl",
                    "sv",
                    "da",
                    "fi",
                    "no",
                    "pl",
                    "cs",
                    "hu",
                )
            ],
            "16",
        ),
        (["ko-" + "-".join(["abcdefgh"] * 4) + "=/a.srt"], "code of a language"),
    ],
)
def test_subtitles_that_cannot_be_used_are_faults(values: list[str], word: str) -> None:
    text = fault([*GOOD, *(each for value in values for each in ("--subtitles", value))])
    assert text.startswith("--subtitles: ")
    assert word in text
    assert "canary" not in text


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"WORKER_LADDER": "480", "WORKER_TIME_LIMIT": "60", "WORKER_PLAN_ONLY": "true"}
    job = parse_job([*GOOD, "--ladder", "720,360"], environment)
    assert (job.ladder, job.time_limit_s, job.plan_only) == ((720, 360), 60, True)


def test_an_empty_value_counts_as_not_given() -> None:
    """Batch cannot leave a parameter out, only pass an empty one."""
    job = parse_job([*GOOD, "--ladder", "", "--s3-endpoint="], {"WORKER_PRESET": ""})
    assert (job.ladder, job.s3_endpoint, job.preset) == ("auto", None, "auto")


def test_batch_names_the_job() -> None:
    assert parse_job(GOOD, {"AWS_BATCH_JOB_ID": "abc-123:4"}).job_id == "abc-123:4"
    assert parse_job([*GOOD, "--job-id", "mine"], {"AWS_BATCH_JOB_ID": "abc"}).job_id == "mine"
    assert parse_job(GOOD, {}).job_id != parse_job(GOOD, {}).job_id


def test_the_region_is_read_where_boto3_does_not_read_it() -> None:
    assert parse_job(GOOD, {}).aws_region is None
    assert parse_job(GOOD, {"AWS_REGION": "ap-northeast-2"}).aws_region == "ap-northeast-2"


@pytest.mark.parametrize("key", ["a/../b", "..", "a//b", "./a", "a/.", "a\nb", "a\x7fb"])
def test_a_destination_is_a_plain_prefix(key: str) -> None:
    assert "plain prefix" in fault(["--source", "/in.mp4", "--destination", f"s3://videos/{key}"])


@pytest.mark.parametrize("url", ["https://h/a b", "https://h/a\r\nHost: x", "https://h/\x00"])
def test_a_url_holds_no_spaces_and_no_control_characters(url: str) -> None:
    message = fault(["--source", url, "--destination", "/out"])
    assert "control characters" in message or "NUL" in message


@pytest.mark.parametrize(
    "location",
    ["/usr/" + "x" * 300, "~nobody-here/x", "s3://videos/" + "x" * 901, "a\udcffb"],
    ids=["long name", "no home", "long prefix", "not UTF-8"],
)
def test_a_location_that_cannot_be_is_a_fault_and_no_traceback(location: str) -> None:
    assert fault(["--source", "/in.mp4", "--destination", location])


@pytest.mark.parametrize("bucket", ["uploads\n", "up..loads", "192.168.0.1", "up.-loads"])
def test_a_bucket_is_named_by_the_rules(bucket: str) -> None:
    message = fault(["--source", f"s3://{bucket}/k", "--destination", "/out"])
    assert "not a bucket name" in message


def test_all_faults_are_reported_together() -> None:
    message = fault(
        ["--destination", "ftp://x/y", "--ladder", "x", "--segment", "0", "--preset", "no"]
    )
    for name in ("--source", "--destination", "--ladder", "--segment", "--preset"):
        assert f"{name}: " in message


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (
            ["--max-duration", "95001"],
            "--max-duration: Input should be less than or equal to 95000",
        ),
        (["--source", "Ref::source"], "Batch left 'Ref::source' unfilled"),
        (["--ladder", "0"], "--ladder"),
        (["--ladder", ",".join(["480"] * 9)], "--ladder"),
        (["--time-limit", "inf"], "--time-limit"),
        (["--time-limit", "nan"], "--time-limit"),
        (["--source", "s3://bucket/"], "names a bucket but no object"),
        (["--destination", "s3://bucket"], "names a bucket but no prefix"),
        (["--destination", "https://host/x"], "cannot be an https URL"),
        (["--destination", str(Path(__file__))], "is a file"),
        (["--job-id", "a b"], "--job-id"),
        (["--source", "x" * 5000], "longer than 4096"),
        (["--surce", "x"], "unknown arguments: --surce"),
        (["--source"], "expected one argument"),
    ],
)
def test_a_fault_says_what_is_wrong(arguments: list[str], word: str) -> None:
    assert word in fault([*GOOD, *arguments])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--source", "https:///nohost?X-Amz-Signature=SECRET"],
        ["https://host/path?X-Amz-Signature=SECRET"],
        ["--destination", "https://host/path?X-Amz-Signature=SECRET"],
        ["--preset", "SECRET"],
        ["--wrong=SECRET"],
        ["--source", "videos.s3.amazonaws.com/in.mp4?X-Amz-Signature=SECRET"],
    ],
)
def test_a_fault_never_echoes_a_value(arguments: list[str]) -> None:
    assert "SECRET" not in fault([*GOOD, *arguments])


def test_the_longest_video_ends_before_the_clock_of_its_segments_wraps() -> None:
    (most_s,) = [
        rule.le for rule in Job.model_fields["max_duration_s"].metadata if hasattr(rule, "le")
    ]
    assert (START_OFFSET_S + most_s) * CLOCK_HZ < 1 << 33


def test_a_job_is_frozen() -> None:
    with pytest.raises(ValidationError):
        parse_job(GOOD, {}).preset = "slow"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/a/b.mp4", S3Location(bucket="bucket", key="a/b.mp4")),
        ("s3://bucket/강의 1%d.mp4", S3Location(bucket="bucket", key="강의 1%d.mp4")),
        ("S3://bucket/out/", S3Location(bucket="bucket", key="out")),
        ("/data/in.mp4", LocalLocation(path=Path("/data/in.mp4"))),
        ("-dash.mp4", LocalLocation(path=Path.cwd() / "-dash.mp4")),
        ("https://h/p?q=1", HttpsLocation(url="https://h/p?q=1")),
    ],
)
def test_locations(text: str, expected: object) -> None:
    assert parse_location(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ftp://h/p",
        "s3://B/k",
        "s3:///k",
        "https://",
        "file:///x",
        "a\x00b",
        "s3://bucket/" + "k" * 1025,
    ],
)
def test_what_is_no_location(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_location(text)


def test_a_presigned_query_is_never_shown() -> None:
    location = parse_location("https://user:pw@h:8443/a/b.mp4?X-Amz-Signature=SECRET")
    assert str(location) == "https://h:8443/a/b.mp4?…"
    assert "SECRET" not in repr(location)


@pytest.mark.parametrize("option", ["--source", "--destination"])
@pytest.mark.parametrize(
    "location",
    [
        "videos.s3.amazonaws.com/in.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=SECRET",
        "//h/in.mp4?X-Amz-Signature=SECRET",
        "https:/h/in.mp4?x-amz-signature=SECRET",
        " https://h/in.mp4?X-Amz-Signature=SECRET",
        "s3://videos/in.mp4?X-Amz-Security-Token=SECRET",
        "d1.cloudfront.net/in.mp4?Expires=1&Signature=SECRET&Key-Pair-Id=K",
        "h/in.mp4?X-Goog-Signature=SECRET",
        "h/in.mp4?sv=2024&sig=SECRET",
        "h/in.mp4?a=1\n&access_token=SECRET",
    ],
)
def test_a_signed_url_without_its_scheme_is_no_path(option: str, location: str) -> None:
    """As a path it would be shown, and its signature with it."""
    message = fault([*GOOD, option, location])
    part = "part 2 of 2 " if option == "--source" else ""
    assert f"{option}: {part}holds a signature or token" in message
    assert "SECRET" not in message


@pytest.mark.parametrize(
    "path", ["/data/why?.mp4", "/data/signature=1.mp4", "/data/a?part=2.mp4", "/data/a?design=2"]
)
def test_a_question_mark_alone_is_part_of_a_name(path: str) -> None:
    assert parse_location(path) == LocalLocation(path=Path(path))
