"""How slow a source may be: a rate over a window, and two minutes of patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.fakes import Clock
from worker.errors import StorageUnavailableError
from worker.runtime.budget import Budget
from worker.source.fetch.download import download
from worker.storage import retrying
from worker.storage.base import BrokenOffError

# Of bytes, and of None where the connection breaks off.
Connection = Iterator[bytes | None]


class Line:
    """A source whose n-th connection brings what `connect` makes for it, in seconds of a clock."""

    identity = "x"

    def __init__(self, size: int | None, connect: Callable[[Line, int], Connection]) -> None:
        self.size_bytes = size
        self.takes_ranges = size is not None
        self.clock = Clock()
        self.budget = Budget(time_limit_s=14_400, clock=self.clock, sleep=self.wait)
        self.connections = 0
        self.waited_s = 0.0
        self._connect = connect

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds
        self.clock.now_s += seconds

    def read(self, start: int, end: int) -> Iterator[bytes]:
        self.connections += 1
        assert self.connections < 10_000, "it is asked for ever"
        left = end - start if self.size_bytes is not None else 1 << 40
        for chunk in self._connect(self, self.connections):
            if chunk is None:
                raise BrokenOffError("cut")
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    def send(self, size: int, *, each_s: float, times: int = 1 << 40) -> Connection:
        for _ in range(times):
            self.clock.now_s += each_s
            yield bytes(size)

    def download(self, folder: Path) -> bytes:
        path = folder / "source"
        download(self, path, budget=self.budget, threads=8, on_progress=lambda *_: None)
        return path.read_bytes()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "PATIENCE_S", 120.0)


def assert_given_up(line: Line, folder: Path, message: str) -> None:
    began_s = line.clock.now_s
    with pytest.raises(StorageUnavailableError, match=message):
        line.download(folder)
    assert 110 < line.clock.now_s - began_s < 300


@pytest.mark.parametrize("each_s", [0.1, 1, 29])
def test_a_source_that_trickles_is_given_up_after_minutes(each_s: float, tmp_path: Path) -> None:
    line = Line(10 << 20, lambda line, _: line.send(1, each_s=each_s))
    assert_given_up(line, tmp_path, "too slowly: .* submit the job again when its server is faster")


@pytest.mark.parametrize("seconds", [0.01, 5, 29])
def test_one_byte_a_connection_is_given_up_after_minutes(seconds: float, tmp_path: Path) -> None:
    def connect(line: Line, _: int) -> Connection:
        yield from line.send(1, each_s=seconds, times=1)
        yield None

    assert_given_up(Line(10 << 20, connect), tmp_path, "cut")


def test_a_trickle_after_a_fast_start_is_given_up_after_minutes(tmp_path: Path) -> None:
    def connect(line: Line, number: int) -> Connection:
        if number == 1:
            yield from line.send(5 << 20, each_s=1, times=1)
        yield from line.send(1, each_s=1)

    assert_given_up(Line(10 << 20, connect), tmp_path, "too slowly")


def test_a_slow_line_is_read_to_its_end(tmp_path: Path) -> None:
    """50 kB/s, which halts for 20 s now and then."""

    def connect(line: Line, _: int) -> Connection:
        while True:
            yield from line.send(5_000, each_s=0.1, times=300)
            line.clock.now_s += 20

    line = Line(10 << 20, connect)
    assert len(line.download(tmp_path)) == 10 << 20
    assert (line.connections, line.waited_s) == (1, 0)


def test_a_slow_line_that_is_cut_again_and_again_is_read_to_its_end(tmp_path: Path) -> None:
    """It continues where it was cut, without a wait: it is none that fails."""

    def connect(line: Line, _: int) -> Connection:
        yield from line.send(5_000, each_s=0.1, times=30)
        yield None

    line = Line(10 << 20, connect)
    assert len(line.download(tmp_path)) == 10 << 20
    assert (line.connections, line.waited_s) == (70, 0)


def test_a_line_that_is_slow_for_a_while_is_read_to_its_end(tmp_path: Path) -> None:
    """What a slow connection brought counts; the next fast one has all the patience again."""

    def connect(line: Line, number: int) -> Connection:
        if number % 3:
            yield from line.send(1, each_s=1)
        yield from line.send(5_000, each_s=0.1, times=300)
        yield None

    line = Line(10 << 20, connect)
    assert len(line.download(tmp_path)) == 10 << 20
    assert line.connections > 12


def test_a_short_file_is_never_too_slow(tmp_path: Path) -> None:
    line = Line(100, lambda line, _: line.send(10, each_s=2.5))
    assert len(line.download(tmp_path)) == 100
    assert (line.connections, line.waited_s) == (1, 0)


def test_nothing_of_an_answer_that_broke_off_is_left_behind_a_shorter_one(tmp_path: Path) -> None:
    """Without ranges and without a size it is read from its start again."""

    def connect(_: Line, number: int) -> Connection:
        yield b"of the first answer" if number == 1 else b"second"
        if number == 1:
            yield None

    assert Line(None, connect).download(tmp_path) == b"second"
