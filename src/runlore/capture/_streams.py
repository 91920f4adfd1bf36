"""Python streams that do not write to the process's descriptors: those of notebooks, pytest, `redirect_stdout`."""

from __future__ import annotations

import sys
import threading
from typing import Any

from runlore.capture._channel import write_all


def is_foreign(stream: Any, descriptor: int) -> bool:
    """Whether a Python stream writes elsewhere than to this descriptor."""
    return descriptor_of(stream) != descriptor


def descriptor_of(stream: Any) -> int | None:
    """The descriptor that a Python stream writes to; None where there is none, as for a notebook's and a StringIO."""
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError, TypeError):
        return None


class StreamTee:
    """Copies what is written to a stream into a pipe. The stream stays the same object, with the same behaviour.

    IPython puts a `write` of its own in place for each cell and takes it away again, and ours with it. So ours is put
    in place anew before each cell; where it is there twice, what is written is copied once.

    Args:
        stream: the stream whose `write` is observed.
        writer: descriptor that receives UTF-8.
        key: `stdout` or `stderr`.
    """

    def __init__(self, stream: Any, writer: int, key: str) -> None:
        self.writer = writer
        self.key = key
        self._stream = stream
        self._hooks: list[Any] = []
        self._inside = threading.local()
        self._shell: Any = None
        self._installed = False

    def observes(self, stream: Any) -> bool:
        """Whether it is this stream."""
        return stream is self._stream

    def install(self) -> None:
        """Begin to copy."""
        self._installed = True
        self._hook()
        interactive = sys.modules.get("IPython")
        self._shell = interactive.get_ipython() if interactive is not None else None
        if self._shell is not None:
            self._shell.events.register("pre_run_cell", self._before_a_cell)

    def remove(self) -> None:
        """Stop. If something else has replaced `write` since, ours stays in its chain and only passes on."""
        if self._shell is not None:
            self._shell.events.unregister("pre_run_cell", self._before_a_cell)
            self._shell = None
        if self._installed and len(self._hooks) == 1 and vars(self._stream).get("write") is self._hooks[0]:
            del self._stream.write
        self._installed = False

    def _before_a_cell(self, _cell: Any) -> None:
        if self._installed and vars(self._stream).get("write") not in self._hooks:
            self._hook()

    def _hook(self) -> None:
        below = self._stream.write

        def write(text: Any) -> Any:
            if getattr(self._inside, "value", False):
                return below(text)
            self._inside.value = True
            try:
                result = below(text)
            finally:
                self._inside.value = False
            if self._installed and isinstance(text, str):
                self._installed = write_all(self.writer, text.encode("utf-8", "replace"))
            return result

        self._hooks.append(write)
        self._stream.write = write
