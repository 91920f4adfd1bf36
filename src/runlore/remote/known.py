"""The runs that a server was heard to have: to open one of them, it need not be asked once more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = 100_000


class KnownRuns:
    """The experiments of the runs that were heard of last, by uid. Threads share it.

    Somebody may have deleted one since: whoever reads it is told so then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._experiments: OrderedDict[str, str] = OrderedDict()

    def add(self, runs: Iterable[tuple[str, str]]) -> None:
        """(uid, experiment) of runs that are there."""
        with self._lock:
            self._experiments.update(runs)
            while len(self._experiments) > KEPT:
                self._experiments.popitem(last=False)

    def experiment(self, uid: str) -> str | None:
        """The experiment of a run, if it was heard of."""
        return self._experiments.get(uid)

    def forget(self, uid: str) -> None:
        """It is there no more."""
        with self._lock:
            self._experiments.pop(uid, None)

    def forget_experiment(self, experiment: str) -> None:
        """None of its runs is there any more."""
        with self._lock:
            for uid in [uid for uid, name in self._experiments.items() if name == experiment]:
                del self._experiments[uid]
