"""Stop signals that arrive before there is a job to be stopped.

Imported before all else, so it imports next to nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], object]
Handlers = dict[
    signal.Signals, signal.Handlers | Callable[[int, FrameType | None], object] | int | None
]


class EarlySignals:
    """Records stop signals while the worker imports its modules and reads its options.

    Python would end with no outcome, in the middle of an import with a traceback; and as process 1
    of a container, which has no default actions, it would not notice SIGTERM at all.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self._previous: Handlers = {}

    def install(self) -> None:
        """Record stop signals from now on."""
        self._previous = install(self._record)

    def release(self) -> bool:
        """Give signals back to who had them before; whether one has arrived."""
        restore(self._previous)
        return bool(self.received)

    def _record(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)


def install(handler: Handler) -> Handlers:
    """Handle stop signals, and return their handlers until now.

    An ignored SIGHUP stays ignored: nohup starts what is to outlive its terminal so.
    """
    return {
        number: signal.signal(number, handler)
        for number in SIGNALS
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    }


def restore(previous: Handlers) -> None:
    """Undo `install`."""
    for number, handler in previous.items():
        signal.signal(number, handler)
