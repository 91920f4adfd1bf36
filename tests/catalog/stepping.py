"""Taking what works on a store apart into its system calls, to do something else between any two of them.

`Steps` counts the calls of whatever runs inside of it and calls `between(step)` before each, and after the last.
Directories get times of their own: each call takes as long as a reader needs to trust what it saw, so that nothing is
found merely because it is too young to be trusted. `grain_s` is how exactly the file system keeps those times.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import replace
from time import time_ns

from runlore.catalog import Catalog, changes
from runlore.catalog.database.sqlite import SqliteDatabase
from runlore.index.records import CardFilter

CHANGING = (
    "mkdir", "open", "rename", "replace", "utime", "link", "unlink", "rmdir", "ftruncate", "truncate", "write",
    "pwrite", "posix_fallocate", "close",
)  # fmt: skip
LOOKING = ("scandir", "listdir", "lstat", "stat", "open", "fstat", "pread", "preadv")
S = 10**9
_REAL_UTIME = os.utime


class Steps:
    """See the module.

    Args:
        root: of the store.
        between: called with the number of the step that comes next, from 0 on; None: steps are only counted.
        calls: which calls are steps.
        grain_s: the times of directories are cut to whole multiples of it.
    """

    def __init__(self, root, between=None, calls=CHANGING, grain_s=0.0):
        self.root = str(root)
        self.between = between
        self.calls = calls
        self.grain_ns = int(grain_s * S)
        self.count = 0
        self.now_ns = time_ns() + 1000 * S
        self._stamped = {}
        self._inside = threading.local()

    @contextmanager
    def __call__(self, monkeypatch):
        """Patch the calls of this thread while the block lasts."""
        with monkeypatch.context() as patched:
            for name in self.calls:
                patched.setattr(os, name, self._step(getattr(os, name)))
            patched.setattr(changes, "time_ns", lambda: self.now_ns)
            self.stamp()
            yield self
            self._look()

    def _step(self, call):
        def stepping(*arguments, **named):
            if getattr(self._inside, "busy", False):
                return call(*arguments, **named)
            self._look()
            try:
                return call(*arguments, **named)
            finally:
                self.now_ns += S
                self.stamp()

        return stepping

    def _look(self):
        self.count += 1
        if self.between is not None:
            with self.aside():
                self.between(self.count - 1)

    @contextmanager
    def aside(self):
        """What is done in here is no step."""
        before = getattr(self._inside, "busy", False)
        self._inside.busy = True
        try:
            yield
        finally:
            self._inside.busy = before

    def stamp(self):
        """Give directories that changed the time that it is here; those that were given an old one keep it."""
        with self.aside():
            for folder, _, _ in os.walk(self.root):
                found = os.stat(folder).st_mtime_ns
                if found != self._stamped.get(folder):
                    if abs(found - time_ns()) < 100 * S:
                        found = self.now_ns // self.grain_ns * self.grain_ns if self.grain_ns else self.now_ns
                        _REAL_UTIME(folder, ns=(found, found))
                    self._stamped[folder] = found


def picture(index):
    """All that an index says of a store."""
    index.refresh()
    runs = index.page(limit=1000, include_deleted=True, facts=True).runs
    cards = index.cards(CardFilter(deleted=True))
    uids = sorted([*(run.uid for run in runs), *(card.uid for card in cards)])
    return {
        "runs": {run.uid: replace(run, liveness=None) for run in runs},  # what told so is forgotten once it ended
        "series": index.series(uids),
        "artifacts": index.artifacts(uids),
        "experiments": index.experiments(),
        "keys": {kind: index.keys(kind) for kind in ("metrics", "params", "tags")},
        "cards": {card.uid: card for card in cards},
        "links": sorted(index.links(uids), key=repr),
    }


def fresh_picture(store, path):
    """The same, by an index that never looked before. `path`: where its file may be meanwhile."""
    index = Catalog(store, SqliteDatabase(str(path)))
    try:
        return picture(index)
    finally:
        index.close()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(f"{path}{suffix}"):
                os.unlink(f"{path}{suffix}")
