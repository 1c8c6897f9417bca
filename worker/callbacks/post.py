"""One POST of a callback, signed by the scheme of Standard Webhooks, and what its answer means.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from worker import __version__
from worker.config.callback_options import CallbackOptions, signing_key
from worker.runtime.threads import NoAnswerError, run_in_thread
from worker.storage.public_address import PrivateAddressError, PublicPool

# Short: the job's end waits for the answer to its last event.
_TIMEOUT = urllib3.Timeout(connect=3, read=5)
# Those hold for each address and each piece of the head of an answer, of which there may be many.
# Less than a job's end waits in all: its last event may have to wait for this attempt.
_ATTEMPT_TIMEOUT_S = 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """An event as it is sent, the same in every attempt. A job has many of progress."""

    id: str
    type: str
    body: bytes
    is_progress: bool


class RefusedError(Exception):
    """The receiver does not take this event, and would not another time."""


class UnansweredError(Exception):
    """The receiver does not answer, or asks for another attempt."""


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`."""
    content = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


class Receiver:
    """Where a job's callbacks go. `now` is the calendar: receivers refuse old timestamps."""

    def __init__(self, options: CallbackOptions, now: Callable[[], datetime]) -> None:
        self._url = options.notify.url
        self._key = signing_key(options.notify_secret)
        self._now = now
        self._pool = PublicPool(allow_private=options.allow_private_notify, timeout=_TIMEOUT)

    def post(self, message: Message) -> None:
        """Make one attempt to deliver; a redirect is not followed.

        Raises:
            RefusedError: another attempt is of no use.
            UnansweredError: it may be of use.

        """
        try:
            # In a thread, so that what trickles, or a name that is not resolved, holds up no other.
            answer = run_in_thread(
                lambda: self._request(message), lambda: None, timeout_s=_ATTEMPT_TIMEOUT_S
            )
        except NoAnswerError as error:
            raise UnansweredError(ReadTimeoutError.__name__) from error
        except PrivateAddressError as error:
            raise RefusedError(
                f"the {error}; where that is meant, give the job --allow-private-notify"
            ) from error
        except HTTPError as error:
            # Its text names the URL, which may hold a token.
            raise UnansweredError(type(error).__name__) from error
        # What the answer says beside its status is not read: it could be endless.
        answer.close()
        _check(answer.status)

    def _request(self, message: Message) -> urllib3.BaseHTTPResponse:
        timestamp = int(self._now().timestamp())
        return self._pool.request(
            "POST",
            self._url,
            body=message.body,
            headers={
                "Content-Type": "application/json",
                "User-Agent": f"academy-video-worker/{__version__}",
                "webhook-id": message.id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(self._key, message.id, timestamp, message.body),
            },
            redirect=False,
            retries=False,
            preload_content=False,
        )


def _check(status: int) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }:
        raise UnansweredError(f"HTTP {status}")
    raise RefusedError(f"HTTP {status}")
