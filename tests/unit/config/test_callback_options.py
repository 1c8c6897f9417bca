"""The options of callbacks: what is accepted, what is refused, and that no secret is shown."""

from __future__ import annotations

import base64

import pytest

from worker.config.callback_options import CallbackOptions, tags_of
from worker.config.cli import parse_callback_options, parse_job
from worker.config.location import HttpsLocation
from worker.config.team import MOST_MACHINES
from worker.errors import BadParametersError

GOOD = ["--source", "s3://bucket/in.mp4", "--destination", "s3://bucket/out"]
URL = "https://api.example/hook?token=canary"
SECRET = {"WORKER_NOTIFY_SECRET": "whsec_" + base64.b64encode(b"k" * 24).decode()}


def fault(*words: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(BadParametersError) as raised:
        parse_job([*GOOD, *words], SECRET if environment is None else environment)
    assert "canary" not in str(raised.value)
    return str(raised.value)


def secret_of(size: int) -> dict[str, str]:
    return {"WORKER_NOTIFY_SECRET": "whsec_" + base64.b64encode(b"k" * size).decode()}


def test_a_job_shows_neither_secret_nor_token() -> None:
    job = parse_job([*GOOD, "--notify", URL], SECRET)
    assert job.notify == HttpsLocation(url=URL)
    assert "canary" not in repr(job)
    assert SECRET["WORKER_NOTIFY_SECRET"] not in repr(job)


def test_callbacks_need_a_secret() -> None:
    message = fault("--notify", URL, environment={})
    assert "WORKER_NOTIFY_SECRET: is needed where --notify is given" in message


def test_a_secret_alone_is_no_fault() -> None:
    """The job definition gives it to every job; each submission names its URL, or none."""
    assert parse_job(GOOD, SECRET).notify is None


def test_a_submission_lacks_the_secrets_of_its_job_definition() -> None:
    assert parse_job([*GOOD, "--notify", URL], {}, has_secrets=False).notify


@pytest.mark.parametrize("size", [24, 25, 26, 64])
def test_a_secret_has_the_length_of_the_specification(size: int) -> None:
    """With or without padding."""
    secret = secret_of(size)["WORKER_NOTIFY_SECRET"]
    for text in (secret, secret.rstrip("=")):
        assert parse_job([*GOOD, "--notify", URL], {"WORKER_NOTIFY_SECRET": text}).notify_secret


@pytest.mark.parametrize(
    "secret",
    [
        *("canary", "whsec_canary", "whsec_" + "%" * 40, "whsec_"),
        SECRET["WORKER_NOTIFY_SECRET"].removeprefix("whsec_"),
        secret_of(23)["WORKER_NOTIFY_SECRET"],
        secret_of(65)["WORKER_NOTIFY_SECRET"],
    ],
)
def test_another_secret_is_refused_by_the_name_of_its_variable(secret: str) -> None:
    message = fault("--notify", URL, environment={"WORKER_NOTIFY_SECRET": secret})
    assert "WORKER_NOTIFY_SECRET: is no secret of Standard Webhooks: write whsec_" in message


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://api.example/?canary", "must begin with https://"),
        ("s3://bucket/key", "is no URL"),
        ("api.example/hook", "is no URL"),
        ("https://me:canary@api.example/", "user name"),
        ("https://api.example/a b", "control characters"),
    ],
)
def test_another_url_is_refused(url: str, word: str) -> None:
    message = fault("--notify", url)
    assert "--notify: " in message
    assert word in message


def test_http_is_for_tests() -> None:
    words = [*GOOD, "--notify", "http://127.0.0.1:1/", "--allow-private-notify"]
    assert parse_job(words, SECRET).allow_private_notify


def test_tags_are_given_one_by_one_or_one_per_line() -> None:
    words = ["--tag", "lesson=4711", "--tag", "title=가, b=c"]
    tags = {"lesson": "4711", "title": "가, b=c"}
    assert tags_of(parse_job([*GOOD, *words], {}).tag) == tags
    environment = {"WORKER_TAG": "lesson=4711\n title=가, b=c\r\n\n"}
    assert tags_of(parse_job(GOOD, environment).tag) == tags
    # The command line wins, as with every option.
    assert parse_job([*GOOD, "--tag", "a=1"], environment).tag == ("a=1",)


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        (["lesson"], "write KEY=VALUE"),
        (["=1"], "write KEY=VALUE"),
        (["a b=1"], "write KEY=VALUE"),
        (["a="], "write KEY=VALUE"),
        (["a=" + "x" * 257], "256"),
        (["a" * 65 + "=1"], "64"),
        (["a=\x1b[31m"], "control character"),
        (["a=\x9b31m"], "control character"),
        (["a=\udcff"], "write KEY=VALUE"),
        (["a=1", "a=2"], "two tags have the same key"),
        ([f"a{n}=1" for n in range(11)], "11 tags; 10 are taken"),
        (["url=https://h/x?X-Amz-Signature=canary"], "may be a secret"),
    ],
)
def test_other_tags_are_refused(tags: list[str], word: str) -> None:
    assert word in fault(*(part for tag in tags for part in ("--tag", tag)))


def test_a_job_that_is_refused_for_others_can_still_report_it() -> None:
    words = ["--ladder", "x", "--notify", URL, "--tag", "a=1"]
    environment = {**SECRET, "AWS_BATCH_JOB_ID": "job-1"}
    options = parse_callback_options(words, environment)
    assert options is not None
    assert (options.job_id, options.tag, options.notify.url) == ("job-1", ("a=1",), URL)
    for refused in (["--notify", "http://h/"], ["--notify", URL, "--tag", "x"], []):
        assert parse_callback_options(refused, environment) is None
    assert parse_callback_options(words, {}) is None


@pytest.mark.parametrize("number", [1, 3])
def test_a_team_whose_parameters_are_refused_reports_it_once(number: int) -> None:
    """As the job that was submitted."""
    words = ["--ladder", "x", "--notify", URL]
    array = {"AWS_BATCH_JOB_ID": f"array:{number - 1}", "WORKER_MACHINES": "3"}
    options = parse_callback_options(words, {**SECRET, **array})
    assert (options and options.job_id) == ("array" if number == 1 else None)


def test_a_machine_whose_number_is_refused_reports_it() -> None:
    words = ["--notify", URL, "--job-id", "mine", "--machine", f"{MOST_MACHINES + 1}/3"]
    options = parse_callback_options(words, SECRET)
    assert options
    assert options.job_id == "mine"


def test_a_refused_job_and_a_good_one_are_read_alike() -> None:
    words = [*GOOD, "--notify", "http://h/", "--allow-private-notify", "--tag", "a=1"]
    environment = {**SECRET, "AWS_BATCH_JOB_ID": "job-1"}
    job = CallbackOptions.model_validate(parse_job(words, environment))
    assert job == parse_callback_options(words, environment)
