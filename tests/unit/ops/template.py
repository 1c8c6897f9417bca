"""scripts/aws/template.yaml as data."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ops import names


def read_template() -> Mapping[str, Any]:
    """The template, intrinsic functions in their long form."""
    # Neither cfn-lint nor PyYAML has types.
    template, faults = import_module("cfnlint.decode").decode(str(names.TEMPLATE))
    assert faults == []
    return dict(template)
