"""Makes cues of what a caption decoder shows on its screen from moment to moment. Pure."""

from __future__ import annotations

from worker.hls.webvtt import MAX_CUES, Cue, TooManyCuesError, clip_cue

# Text that is written letter by letter is shown from the first letter on; what comes later than
# this is a cue of its own, so that no word is shown much before it is said.
_GATHERED_MS = 1000
# Nobody reads what is replaced after so short a time: it was being corrected.
_SHORTEST_MS = 100


class ShownText:
    """The cues of one caption channel; times are in milliseconds of the timeline."""

    def __init__(self) -> None:
        self._cues: list[Cue] = []
        self._since_ms = 0
        self._text = ""

    def show(self, at_ms: int, text: str) -> None:
        """Note what is on the screen from a time on; empty where it is cleared.

        Raises:
            TooManyCuesError: there are more than 50,000 cues.

        """
        if text == self._text:
            return
        shown_ms = at_ms - self._since_ms
        is_more = bool(self._text) and text.startswith(self._text) and shown_ms < _GATHERED_MS
        is_corrected = bool(self._text and text) and shown_ms < _SHORTEST_MS
        if not is_more and not is_corrected:
            self._cues += clip_cue(self._since_ms, at_ms, self._text)
            self._since_ms = at_ms
            if len(self._cues) > MAX_CUES:
                raise TooManyCuesError(f"there are more than {MAX_CUES} cues")
        self._text = text

    def end(self, at_ms: int) -> tuple[Cue, ...]:
        """Return the cues; what is still shown is so until this time."""
        self.show(max(at_ms, self._since_ms), "")
        return tuple(self._cues)
