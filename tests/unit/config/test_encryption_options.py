"""Options of encryption: what they need of one another, and what is refused, unshown."""

from __future__ import annotations

import pytest

from tests.unit.config.test_cli import GOOD, fault
from worker.config.cli import parse_job

SECRET = "a canary of the tests, 32 bytes or more"
KEY_URI = "https://api.example/keys/{key_id}"


def test_encryption_needs_a_secret_and_the_uri_of_the_key() -> None:
    encrypt = [*GOOD, "--encrypt"]
    neither = fault(encrypt)
    assert "--encrypt: needs --key-uri" in neither
    assert "WORKER_KEY_SECRET in its environment" in neither
    assert "--key-uri" not in fault([*encrypt, "--key-uri", KEY_URI])
    assert "WORKER_KEY_SECRET" not in fault(encrypt, {"WORKER_KEY_SECRET": SECRET})
    job = parse_job([*encrypt, "--key-uri", KEY_URI], {"WORKER_KEY_SECRET": SECRET})
    assert "canary" not in repr(job)
    assert parse_job(GOOD, {"WORKER_KEY_SECRET": SECRET}).encrypt is False
    # Of a submission the job definition has the secret.
    assert parse_job([*encrypt, "--key-uri", KEY_URI], {}, has_secrets=False).encrypt


def test_a_uri_of_a_key_without_encryption_is_refused() -> None:
    """The option that is missing would publish the video in the clear."""
    assert "--key-uri: is of no use without --encrypt" in fault([*GOOD, "--key-uri", KEY_URI])


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("https://api.example/keys", "must hold {key_id} once"),
        ("https://api.example/{key_id}/{key_id}", "must hold {key_id} once"),
        ("http://api.example/{key_id}", "must begin with https://"),
        ("keys/{key_id}", "must name a host"),
        ("https:///{key_id}", "must name a host"),
        ("https://{key_id}.example/", "must name a host"),
        ("https://api.example:port/{key_id}", "must name a host"),
        ("https://me:canary@api.example/{key_id}", "has a user or password"),
        ('https://api.example/{key_id}",METHOD="NONE', "is not a URL"),
        ("https://api.example/{key_id}\n#EXT-X-ENDLIST", "is not a URL"),
        ("https://api.example/{$lecture}/{key_id}", "is not a URL"),
        ("https://api.example/강의/{key_id}", "is not a URL"),
        ("https://api.example/{key_id}#canary", "is not a URL"),
        (f"https://api.example/{'x' * 1024}/{{key_id}}", "is not a URL"),
    ],
)
def test_a_uri_of_a_key_that_players_cannot_use_is_refused(uri: str, why: str) -> None:
    said = fault([*GOOD, "--encrypt", "--key-uri", uri], {"WORKER_KEY_SECRET": SECRET})
    assert f"--key-uri: {why}" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    "uri",
    [
        KEY_URI,
        "https://api.example:8443/k?lecture=7&id={key_id}",
        "http://localhost:1/{key_id}",
        "http://127.0.0.1:1/{key_id}",
        "http://[::1]:1/{key_id}",
    ],
)
def test_a_key_is_requested_by_https_or_from_this_machine(uri: str) -> None:
    job = parse_job([*GOOD, "--encrypt", "--key-uri", uri], {"WORKER_KEY_SECRET": SECRET})
    assert job.key_uri == uri


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("canary", "is shorter than 32 bytes"),
        (f"{SECRET}\n", "begins or ends with a blank"),
        (f" {SECRET}", "begins or ends with a blank"),
        (f"{SECRET}\x07.", "is no plain text"),
        (f"{SECRET}\udcff.", "is no plain text"),
    ],
)
def test_a_secret_that_is_weak_or_that_the_api_would_hardly_share_is_refused(
    secret: str, why: str
) -> None:
    said = fault([*GOOD, "--encrypt", "--key-uri", KEY_URI], {"WORKER_KEY_SECRET": secret})
    assert f"WORKER_KEY_SECRET: {why}" in said
    assert "canary" not in said
