"""How often a machine that waits for others polls the store. Pure."""

from __future__ import annotations

# The wait ends so much later at most, of what it lasted.
_LATER_SHARE = 0.25


class Polls:
    """Says when to poll again: after `least_s`, and rarer the longer nothing has come.

    So an hour of waiting costs tens of polls, and a short wait ends soon.
    """

    def __init__(self, least_s: float) -> None:
        self._least_s = least_s
        self._since_s: float | None = None
        self._last_s = 0.0

    def is_due(self, now_s: float) -> bool:
        """Whether to poll now, which then counts as done; the first time at once."""
        if self._since_s is None:
            self.wait_anew(now_s)
            return True
        wait_s = max(self._least_s, _LATER_SHARE * (self._last_s - self._since_s))
        if now_s - self._last_s < wait_s:
            return False
        self._last_s = now_s
        return True

    def wait_anew(self, now_s: float) -> None:
        """Count the wait from now on, as something has come."""
        self._since_s = self._last_s = now_s

    def poll_at_once(self) -> None:
        """Let the next poll be due."""
        self._since_s = None
