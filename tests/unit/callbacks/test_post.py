"""The signature is Standard Webhooks'; which answers ask for another attempt, and which do not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
import urllib3
from standardwebhooks import Webhook, WebhookVerificationError

from worker.callbacks.post import Message, Receiver, RefusedError, UnansweredError, sign
from worker.config.callback_options import CallbackOptions, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = Message(id="msg_1", type="video.failed", body='{"ko":"가"}'.encode(), is_progress=False)


def receiver(url: str = "https://api.example/hook?token=canary") -> Receiver:
    options = CallbackOptions.model_validate({"notify": url, "notify_secret": SECRET})
    return Receiver(options, lambda: datetime.now(UTC))


class Answer:
    """What urllib3 would return."""

    def __init__(self, status: int) -> None:
        self.status = status

    def close(self) -> None:
        """Nothing is open."""


class Sent:
    """Stands for the pool: records a request, and answers or fails."""

    def __init__(self, answer: int | Exception) -> None:
        self.answer = answer
        self.requests: list[tuple[tuple[str, str], dict[str, object]]] = []

    def request(self, *where: str, **what: object) -> Answer:
        self.requests.append(((where[0], where[1]), what))
        if isinstance(self.answer, Exception):
            raise self.answer
        return Answer(self.answer)


def post(answer: int | Exception) -> Sent:
    there, sent = receiver(), Sent(answer)
    there._pool = sent  # type: ignore[assignment] # what of it is used
    there.post(MESSAGE)
    return sent


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of its own libraries' tests."""
    options = CallbackOptions.model_validate(
        {"notify": "https://api.example/", "notify_secret": SECRET}
    )
    signature = sign(
        signing_key(options.notify_secret),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_library_for_receivers_accepts_what_is_sent_and_nothing_else() -> None:
    ((_, what),) = post(204).requests
    headers, body = what["headers"], what["body"]
    assert isinstance(headers, dict)
    assert isinstance(body, bytes)
    assert Webhook(SECRET).verify(body, headers) == {"ko": "가"}
    for changed in ({"webhook-id": "msg_2"}, {"webhook-timestamp": "1614265330"}):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, {**headers, **changed})
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)


def test_no_redirect_is_followed() -> None:
    """It could lead to an address that was not checked, and a POST would become a GET."""
    with pytest.raises(RefusedError, match="HTTP 307"):
        post(307)
    ((_, what),) = post(200).requests
    assert (what["redirect"], what["retries"]) == (False, False)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_another_attempt_is_made_after(status: int) -> None:
    with pytest.raises(UnansweredError, match=f"HTTP {status}"):
        post(status)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413])
def test_no_other_attempt_is_made_after(status: int) -> None:
    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        post(status)


def test_another_attempt_is_made_where_the_network_fails_and_the_url_is_not_shown() -> None:
    with pytest.raises(UnansweredError) as raised:
        post(urllib3.exceptions.ProtocolError("https://api.example/hook?token=canary"))
    assert str(raised.value) == "ProtocolError"


def test_an_answer_that_trickles_is_waited_for_as_long_as_one_that_does_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each line of its head, or a `100 Continue`, in time: it held up all later events."""
    monkeypatch.setattr("worker.callbacks.post._ATTEMPT_TIMEOUT_S", 0.1)
    over = threading.Event()
    there = receiver()
    monkeypatch.setattr(there._pool, "request", lambda *_, **__: over.wait())
    with pytest.raises(UnansweredError, match="ReadTimeoutError"):
        there.post(MESSAGE)
    over.set()


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "10.1.2.3"])
def test_a_private_address_is_refused(host: str) -> None:
    with pytest.raises(RefusedError, match="--allow-private-notify"):
        receiver(f"https://{host}/hook").post(MESSAGE)
