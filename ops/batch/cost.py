"""What a job cost: its seconds and vCPUs at a price that the operator gives; never a guess."""

from __future__ import annotations

import math

from ops.errors import UsageError

_HOUR_S = 3600


def cost_of(seconds: float | None, vcpus: float | None, price: float | None) -> float | None:
    """Return what a job cost, in the currency of `price` for a vCPU-hour; None where unknown."""
    if seconds is None or vcpus is None or price is None:
        return None
    return round(seconds / _HOUR_S * vcpus * price, 4)


def read_price(text: str | None) -> float | None:
    """Read `--price`.

    Raises:
        UsageError: it is no positive number.

    """
    if text is None:
        return None
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 < price < math.inf:
        raise UsageError("--price: write what a vCPU-hour costs, such as 0.02")
    return price
