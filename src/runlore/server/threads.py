"""Threads for what may block: endpoints wait for disks and databases there, and the loop goes on.

Each small request is handed over once, so that this is a part of its price that can be seen: less than half of what
`anyio` or an executor take for it, which do more than is needed here.
"""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Work = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]

THREADS = 40
"""At most. What is asked for beyond them waits for the first that is free."""

_T = TypeVar("_T")


class Threads:
    """See the module.

    They are started as they are needed, and do not keep the process: a disk that hangs must not keep it from ending.

    Args:
        most: how many at once.
    """

    def __init__(self, most: int = THREADS) -> None:
        self._most = most
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._started = 0
        self._free = 0  # below 0: so many wait for one

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function in one of the threads, and give what it returns or raises.

        Where whoever waits is cancelled, the function goes on, and what comes of it is nobody's.

        Raises:
            RuntimeError: they were closed.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the server has ended")
            self._free -= 1
            is_missing = self._free < 0 and self._started < self._most
            if is_missing:
                self._started += 1
                self._free += 1
                name = f"runlore-{self._started}"
        self._queue.put((loop, answer, function, arguments))
        if is_missing:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        value, error = await answer
        if error is None:
            return value  # type: ignore[no-any-return]
        try:
            raise error
        finally:
            del error  # it holds this frame, which would hold it

    def close(self) -> None:
        """End the threads, each after what it does now."""
        with self._lock:
            self._is_closed = True
        for _ in range(self._started):
            self._queue.put(None)

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            self._answer(*work)
            del work  # an answer may be large, and the next question be far
            with self._lock:
                self._free += 1

    @staticmethod
    def _answer(
        loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any], function: Callable[..., Any], given: Iterable[Any]
    ) -> None:  # fmt: skip
        value, error = None, None
        try:
            value = function(*given)
        except BaseException as raised:  # noqa: BLE001 - all of them are for who asked, who raises it there
            error = raised
        try:
            loop.call_soon_threadsafe(_settle, answer, value, error)
        except RuntimeError:
            return  # the loop is closed: the server has ended, and nobody waits


def _settle(answer: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if not answer.cancelled():
        answer.set_result((value, error))
