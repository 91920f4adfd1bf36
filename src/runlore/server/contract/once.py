"""Changes that come twice: the second one gets the answer of the first, and changes nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from runlore.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

KEPT = 10_000
"""Answers that are remembered. They are small: a number, a time, whether it was done."""

PATIENCE_S = 60.0
"""How long one that comes again waits for the first, which is still at work."""


class _Answer:
    def __init__(self) -> None:
        self.ready = threading.Event()
        self.value: Any = None
        self.error: Exception | None = None


class Answers:
    """The answers to the latest changes, by their keys. One for each process of the server.

    Where the process is another one (it was started anew, or another worker answers), a change that comes again is
    recognised by what is stored; each endpoint says how.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, _Answer] = OrderedDict()

    def once(self, key: Hashable, function: Callable[[], Any]) -> Any:
        """What the function returned, or raised, when it was called under this key; else it is called now."""
        with self._lock:
            known = self._known.get(key)
            mine = known is None
            if known is None:
                known = self._known[key] = _Answer()
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
        if mine:
            self._fill(known, function)
        elif not known.ready.wait(PATIENCE_S):
            raise Problem(
                503, "the same request is still being worked on; ask again later", headers={"Retry-After": "5"}
            )
        if known.error is not None:
            raise known.error
        return known.value

    @staticmethod
    def _fill(known: _Answer, function: Callable[[], Any]) -> None:
        try:
            known.value = function()
        except Exception as error:  # noqa: BLE001 - whatever it was, whoever asks again is told the same
            known.error = error
        finally:
            known.ready.set()
