"""Runs an audit: one listing, several destinations at a time, results in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from ops.audit.finding import Result, listing_digest
from ops.audit.judge import Judge
from ops.audit.listing import Folder, Root, folders
from ops.audit.state import State
from worker.runtime.threads import DaemonThreadPool, wait_for

# Destinations that wait for a thread, by thread: their listings are held in memory.
_WAITING = 2


@dataclass(kw_only=True, slots=True)
class Audit:
    """An audit of all destinations below a root.

    `judged` and `kept` count the results that were made now, and that the state had.
    """

    root: Root
    judge: Judge
    state: State
    threads: int
    judged: int = 0
    kept: int = 0
    other_files: int = 0

    def results(self) -> Iterator[Result]:
        """Yield the result of each destination.

        Raises:
            UnexpectedError: the listing has no order.
            WorkerError: as the store raises it; what was yielded before is in the state.

        """
        waiting: deque[Future[Result]] = deque()
        with DaemonThreadPool("audit", self.threads) as pool:
            for folder in folders(self.root.objects("")):
                if not folder.is_destination:
                    self.other_files += len(folder.objects) + folder.others
                    continue
                waiting.append(self._begin(pool, folder))
                while len(waiting) > _WAITING * self.threads:
                    yield self._end(waiting.popleft())
            while waiting:
                yield self._end(waiting.popleft())

    def _begin(self, pool: DaemonThreadPool, folder: Folder) -> Future[Result]:
        name = self.root.name(folder.name)
        known = self.state.find(name, listing_digest(folder.objects), is_deep=self.judge.is_deep)
        if known:
            self.kept += 1
            future: Future[Result] = Future()
            future.set_result(known)
            return future
        return pool.submit(partial(self._judge, name, folder))

    def _judge(self, name: str, folder: Folder) -> Result:
        result = self.judge.judge(
            name,
            folder,
            self.root.open(name),
            relist=partial(relist, self.root, folder.name),
        )
        # Here, where it is known first: one that ends early loses no result.
        self.state.add(result)
        self.judged += 1
        return result

    @staticmethod
    def _end(future: Future[Result]) -> Result:
        return wait_for(future, lambda: None)


def relist(root: Root, name: str) -> Folder:
    """List one destination again, without those below it."""
    found = (folder for folder in folders(root.objects(name)) if not folder.name)
    return next(found, Folder(name=""))
