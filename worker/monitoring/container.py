"""What ECS, on which AWS Batch runs jobs, says of this container.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

METADATA_URI = "ECS_CONTAINER_METADATA_URI_V4"
# Of ECS: so many make a vCPU.
_CPU_UNITS = 1024
# The answer comes from the agent on the same instance; the job waits for it.
_TIMEOUT = urllib3.Timeout(total=1)


def read_vcpus(environment: Mapping[str, str]) -> float | None:
    """Return how many vCPUs the job has; None outside of ECS, or where it does not say.

    Cores do not show it: Batch shares an instance's cores among its jobs by weight, and each job
    sees all of them.
    """
    uri = environment.get(METADATA_URI)
    if not uri:
        return None
    try:
        with urllib3.PoolManager(retries=False, timeout=_TIMEOUT) as pool:
            return _vcpus_in(json.loads(pool.request("GET", uri).data))
    except (HTTPError, ValueError):
        return None


def _vcpus_in(answer: Any) -> float | None:  # noqa: ANN401 (whatever was answered)
    limits = answer.get("Limits") if isinstance(answer, Mapping) else None
    units = limits.get("CPU") if isinstance(limits, Mapping) else None
    return units / _CPU_UNITS if isinstance(units, (int, float)) and units > 0 else None
