"""Where Python starts: stop signals are handled before the rest is imported. Nothing else exits."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence

# Of the worker these alone: what is imported here is imported while a signal is not handled.
from worker.runtime.early_signals import EarlySignals


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one job, or what else the first word asks for, and return its exit status."""
    signals = EarlySignals()
    signals.install()
    # Imported here: it takes most of a second, and SIGTERM may come meanwhile. structlog imports
    # rich for tracebacks that the worker does not use, which would take a third of a second more.
    import_without("structlog", unwanted="rich")
    from worker.entry import enter

    return enter(arguments, environment, signals)


def import_without(library: str, unwanted: str) -> None:
    """Import a library as if another one, of which it can make use, were not installed."""
    if library in sys.modules or unwanted in sys.modules:
        return
    # What Python documents for it: None as a module makes its import fail with an ImportError.
    sys.modules[unwanted] = None  # type: ignore[assignment] # typeshed knows no such entry
    try:
        importlib.import_module(library)
    finally:
        del sys.modules[unwanted]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
