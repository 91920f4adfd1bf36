"""Dialects: other trackers' Python APIs, spoken by Runlore.

A dialect is a module or package `runlore.dialects.<name>` that declares which modules of the other tracker it stands
for, and by what:

    MODULES = {"opsml": "runlore.dialects.opsml", "opsml.card": "runlore.dialects.opsml.card"}

Where a module of the other tracker is absent, `ABSENT` may say what to use instead, by the module's name.

It can be imported by its own name. Or `install(name)` makes `import opsml` give it, in this process alone: a finder is
put in front of Python's own, and nothing that is installed is touched or read. `runlore exec --dialect opsml script.py`
does that for one script.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from runlore.dialects._absent import AbsentAttribute
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["available", "check", "install", "installed", "uninstall"]


def available() -> list[str]:
    """Names of the dialects that there are.

    Example:
        >>> "none" in available()
        False
    """
    from pkgutil import iter_modules

    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def check(name: str) -> None:
    """Raise `InvalidArgument` if there is no dialect of this name."""
    if name not in available():
        raise InvalidArgument(f"dialect={name!r}: there is no such dialect; choose from {', '.join(available())}")


def install(name: str) -> None:
    """Make imports of the other tracker's modules give the dialect, in this process. Doing it twice changes nothing.

    Modules of that tracker that were imported before are set aside until `uninstall`; names that are bound to them
    already stay what they are.

    Args:
        name: of the dialect, such as `opsml`.

    Raises:
        InvalidArgument: there is no such dialect, or another one that is installed stands for the same modules.
    """
    check(name)
    if name in _finders:
        return
    dialect = import_module(f"{__name__}.{name}")
    finder = _Finder(name, dialect.MODULES, getattr(dialect, "ABSENT", {}))
    for other in _finders.values():
        shared = finder.roots & other.roots
        if shared:
            raise InvalidArgument(
                f"dialect={name!r} stands for {', '.join(sorted(shared))}, and so does {other.dialect!r}, which is "
                f"installed; uninstall({other.dialect!r}) first"
            )
    finder.set_aside()
    sys.meta_path.insert(0, finder)
    _finders[name] = finder


def uninstall(name: str | None = None) -> None:
    """Undo `install`, of one dialect or of all: imports give what is installed on the machine again.

    Names that were bound meanwhile stay bound to the dialect.
    """
    for dialect in [name] if name is not None else list(_finders):
        finder = _finders.pop(dialect, None)
        if finder is not None:
            sys.meta_path.remove(finder)
            finder.put_back()


def installed() -> list[str]:
    """Names of the dialects that are installed in this process."""
    return list(_finders)


class _Finder:
    """Serves the modules of one dialect under foreign names.

    Args:
        dialect: its name.
        modules: foreign dotted name → Runlore's module.
        absent: foreign dotted name → what to use instead of the module.
    """

    def __init__(self, dialect: str, modules: Mapping[str, str], absent: Mapping[str, str]) -> None:
        self.dialect = dialect
        self._absent = dict(absent)
        self.roots = {name.partition(".")[0] for name in modules}
        self._modules = dict(modules)
        self._aside: dict[str, ModuleType] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None  # noqa: ARG002
    ) -> ModuleSpec | None:  # fmt: skip
        """The spec of a foreign module; None for modules of others.

        Raises:
            ModuleNotFoundError: the dialect stands for the package and has no such module. A real one is not looked
                for: half a tracker and half a dialect would not understand each other.
        """
        if fullname.partition(".")[0] not in self.roots:
            return None
        below = any(name.startswith(f"{fullname}.") for name in self._modules)
        if fullname not in self._modules and not below:
            instead = self._absent.get(fullname, f"it has {', '.join(sorted(self._modules))}")
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: it is not part of Runlore's dialect {self.dialect!r}; {instead}",
                name=fullname,
            )
        loader = _Loader(self._modules.get(fullname), is_package=below)
        return ModuleSpec(fullname, loader, is_package=below)

    def set_aside(self) -> None:
        """Take modules of the same names out of the way."""
        self._aside = {name: sys.modules.pop(name) for name in list(sys.modules) if self._is_mine(name)}

    def put_back(self) -> None:
        """Forget the foreign names, and put back what was there before."""
        for name in [name for name in sys.modules if self._is_mine(name)]:
            del sys.modules[name]
        sys.modules.update(self._aside)

    def _is_mine(self, name: str) -> bool:
        return name.partition(".")[0] in self.roots


class _Loader(Loader):
    """Gives a foreign name a module that is, in all that it has, Runlore's."""

    def __init__(self, home: str | None, *, is_package: bool) -> None:
        self._home = home
        self._is_package = is_package

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module that hands on to Runlore's, so that neither's identity changes."""
        return _Alias(spec.name, self._home)

    def exec_module(self, module: ModuleType) -> None:
        """Import Runlore's module."""
        if self._home is not None:
            home = import_module(self._home)
            module.__doc__ = home.__doc__
            public = [name for name in dir(home) if not name.startswith("_")]
            module.__all__ = getattr(home, "__all__", public)  # type: ignore[attr-defined] # what `import *` takes


class _Alias(ModuleType):
    """A module of another name that has the attributes of a module of Runlore's, and sets them there."""

    def __init__(self, name: str, home: str | None) -> None:
        super().__init__(name)
        self.__dict__["_home"] = home

    def __getattr__(self, name: str) -> Any:
        home = self.__dict__.get("_home")
        if home is None or (name.startswith("__") and name != "__version__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        try:
            return getattr(import_module(home), name)
        except AbsentAttribute:
            raise  # it says what to use
        except AttributeError:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}: it is spoken by {home!r}, which does not have it"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        home = self.__dict__.get("_home")
        if home is None or name.startswith("__") or isinstance(value, _Alias):
            super().__setattr__(name, value)
        else:
            setattr(import_module(home), name, value)

    def __dir__(self) -> list[str]:
        home = self.__dict__.get("_home")
        return sorted({*super().__dir__(), *(dir(import_module(home)) if home else ())})


_finders: dict[str, _Finder] = {}
