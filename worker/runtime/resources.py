"""What this machine or container offers, cores and memory, and what this process took of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMORY_FILES = (
    _CGROUP / "memory.max",
    _CGROUP / "memory" / "memory.limit_in_bytes",
)

_OWN_STATUS = Path("/proc/self/status")


def count_cores(cgroup: Path = _CGROUP) -> int:
    """Return how many cores this process may keep busy: at least one."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        cores = min(cores, round(int(quota) / int(period)))
    except (OSError, ValueError):
        # No quota: there is no such file, or it says `max`.
        pass
    return max(1, cores)


def memory_bytes() -> int | None:
    """Return the memory of the container, or of the machine; None where neither is known."""
    found = []
    for path in _MEMORY_FILES:
        with contextlib.suppress(OSError, ValueError):
            found.append(int(path.read_text()))
    with contextlib.suppress(OSError, ValueError, IndexError):
        found.append(int(Path("/proc/meminfo").read_text().split()[1]) * 1024)
    return min(found, default=None)


def cpu_s() -> float:
    """Return the CPU seconds of this process and of those that it has waited for."""
    used = os.times()
    return round(used.user + used.system + used.children_user + used.children_system, 2)


def peak_memory_bytes(status: Path = _OWN_STATUS) -> int | None:
    """Return the most memory that this process has had; None where the kernel does not say.

    Not `ru_maxrss`, which Linux keeps over an exec: it is that of whoever started the worker.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return None
