"""What is made first where viewers are to have a video early. Pure."""

from __future__ import annotations

from dataclasses import replace

from worker.plan.plan import Plan, rung_preset


def first_rung(plan: Plan) -> Plan | None:
    """Return the part of a plan that is its lowest rung and the audio; None where that is all.

    The rung keeps the presets that it has beside the others, however many passes make them.
    """
    if len(plan.rungs) <= 1:
        return None
    lowest = plan.rungs[-1]
    presets = (rung_preset(plan, lowest.name, preset) for preset in plan.presets)
    return replace(plan, rungs=(lowest,), presets=tuple(dict.fromkeys(presets)))
