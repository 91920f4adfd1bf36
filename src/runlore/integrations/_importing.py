"""Doing something when a library is imported, now or later, without importing it."""

from __future__ import annotations

import importlib.util
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class ImportHook:
    """Calls an action with a module as soon as it has been imported.

    It finds nothing by itself: it asks the finders behind it, and has the loader that they name do one thing more.

    Args:
        action: called with the name and the module, in the thread that imports. It must not raise.
    """

    def __init__(self, action: Callable[[str, ModuleType], None]) -> None:
        self._action = action
        self._wanted: set[str] = set()
        self._asking = threading.local()

    def watch(self, name: str) -> None:
        """Wait for a module; where it is there already, the action is called at once."""
        module = sys.modules.get(name)
        if module is not None and not getattr(module.__spec__, "_initializing", False):
            self._action(name, module)
            return
        self._wanted.add(name)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Wait for nothing any more."""
        self._wanted.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """The specification that the other finders give, of a module that is waited for; see `importlib.abc`."""
        if name not in self._wanted or getattr(self._asking, "on", False):
            return None
        self._asking.on = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asking.on = False
        loader: Any = None if spec is None else spec.loader
        if loader is None:
            return None

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the loader is again what it was
            loader.exec_module(module)
            if name in self._wanted:
                self._wanted.discard(name)
                self._action(name, module)

        loader.exec_module = exec_module
        return spec
