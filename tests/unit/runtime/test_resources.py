"""The peak of memory is the process's own, whoever started it."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.runtime.resources import peak_memory_bytes


def test_the_peak_is_what_the_kernel_says_of_this_process(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  900 kB\nVmHWM:\t   120 kB\nVmRSS:\t   100 kB\n")
    assert peak_memory_bytes(status) == 120 * 1024
    assert (peak_memory_bytes() or 0) > 1 << 20


@pytest.mark.parametrize("text", ["", "Name:\tpython\n", "VmHWM:\n", "VmHWM:\tmuch kB\n"])
def test_a_peak_that_the_kernel_does_not_say_is_unknown(tmp_path: Path, text: str) -> None:
    status = tmp_path / "status"
    status.write_text(text)
    assert peak_memory_bytes(status) is None
    assert peak_memory_bytes(tmp_path / "nowhere") is None
