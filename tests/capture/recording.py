"""A sink that keeps what captures record, for tests."""

from __future__ import annotations

import threading
from pathlib import Path


class RecordingSink:
    def __init__(self, directory: Path | None = None):
        self.uid = "0" * 32
        self.journal_directory = str(directory or "")
        self.events = []
        self.samples = []
        self.artifacts = {}
        self.metadata = {}
        self.changed = threading.Condition()

    def event(self, kind, key, value, *, step=None, time_ns=None, **extra):
        with self.changed:
            self.events.append((kind, key, value, {"time_ns": time_ns, **extra}))
            self.changed.notify_all()

    def metrics(self, values, *, time_ns=None):
        with self.changed:
            self.samples.append(dict(values))
            self.changed.notify_all()

    def artifact(self, content, name, *, kind, media_type=None, metadata=None):
        with self.changed:
            self.artifacts[name] = content if isinstance(content, bytes) else Path(content).read_bytes()
            self.metadata[name] = {"kind": kind, "media_type": media_type, **(metadata or {})}
            self.changed.notify_all()

    def facts(self, name):
        """All `capture` events of this name, merged as a reader merges them."""
        merged = {}
        for kind, key, value, _extra in self.events:
            if (kind, key) == ("capture", name):
                merged |= value
        return merged

    def wait_for(self, condition, timeout_s=20):
        with self.changed:
            assert self.changed.wait_for(condition, timeout_s), "nothing came"
