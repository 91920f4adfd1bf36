"""Stores and indexes that count what is asked of them: each call is a round trip for one that is elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

from runlore.index.base import Index
from runlore.index.store import IndexedStore
from runlore.opening import open_index
from runlore.store.base import RecordedRun

_LOCAL = frozenset({"location", "close", "index", "settled", "lineage", "pages", "one", "each"})
"""No question, or made of others; `lineage` and `each` are one question where an index is elsewhere."""


def counting(base: type, *also: str) -> type:
    """A class that does what another object of the base does, and counts the calls in `calls`."""

    def method(name: str) -> Any:
        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            return getattr(self.inner, name)(*arguments, **options)

        return call

    names = {name for name in base.__abstractmethods__ if name not in _LOCAL} | set(also)
    return type(f"Counting{base.__name__}", (base,), {name: method(name) for name in names})


CountedIndex = counting(Index, "lineage", "each")


class CountingIndex(CountedIndex):
    """An index that counts."""

    def __init__(self, inner: Index, calls: Counter[str]) -> None:
        self.inner, self.calls, self.location = inner, calls, inner.location

    def close(self) -> None:
        self.inner.close()


class CountingRun(counting(RecordedRun)):
    """A recorded run that counts."""

    def __init__(self, inner: RecordedRun, calls: Counter[str]) -> None:
        self.inner, self.calls = inner, calls
        self.uid, self.location = inner.uid, inner.location


class CountingStore(counting(IndexedStore)):
    """A store that counts what is asked of it, of its index and of its runs. Opening a run asks nothing."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()

    @property
    def location(self) -> str:
        return self.inner.location

    def index(self) -> Index:
        return CountingIndex(open_index(self.inner), self.calls)

    def open_run(self, uid: str, *, experiment: str | None = None) -> RecordedRun:
        return CountingRun(self.inner.open_run(uid, experiment=experiment), self.calls)
