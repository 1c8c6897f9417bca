"""Imports of libraries that would import more than the worker needs."""

from __future__ import annotations

import importlib
import sys


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
