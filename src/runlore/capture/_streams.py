"""Python streams that do not write to the process's descriptors: those of notebooks, pytest, `redirect_stdout`."""

from __future__ import annotations

from typing import Any

from runlore.capture._channel import write_all


def is_foreign(stream: Any, descriptor: int) -> bool:
    """Whether a Python stream writes elsewhere than to this descriptor."""
    try:
        return bool(stream.fileno() != descriptor)
    except (AttributeError, OSError, ValueError):
        return True  # a notebook's stream and a StringIO have no descriptor


class StreamTee:
    """Copies what is written to a stream into a pipe. The stream stays the same object, with the same behaviour.

    Args:
        stream: the stream whose `write` is observed.
        writer: descriptor that receives UTF-8.
    """

    def __init__(self, stream: Any, writer: int) -> None:
        self.writer = writer
        self._stream = stream
        self._write = stream.write
        self._installed = False

    def install(self) -> None:
        """Begin to copy."""
        self._stream.write = self._copying_write
        self._installed = True

    def remove(self) -> None:
        """Stop. If something else has replaced `write` since, ours stays in its chain and only passes on."""
        if self._installed and vars(self._stream).get("write") == self._copying_write:
            del self._stream.write
        self._installed = False

    def _copying_write(self, text: Any) -> Any:
        result = self._write(text)
        if self._installed and isinstance(text, str):
            self._installed = write_all(self.writer, text.encode("utf-8", "replace"))
        return result
