"""The same conditions on every machine and in every run: cases of property tests, SIGHUP."""

from __future__ import annotations

import signal

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
# nohup starts its program with SIGHUP ignored, and a program's children inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
