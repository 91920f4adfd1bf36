"""What people hand over as settings, as the numbers, texts, lists and mappings that JSON has.

Nothing is imported: a class of pydantic, attrs, OmegaConf or NumPy is known by what it looks like, or asked of the
module that its owner has imported. What JSON cannot hold without losing some of it is refused, with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MappingView, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from types import SimpleNamespace

from runlore.errors import InvalidArgument, WrongType
from runlore.journal.leaves import TOO_LARGE, Unstorable, is_instance, leaf, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

MAX_NESTING = 64
"""Levels of lists and mappings within one value. Some readers of JSON stop at a few hundred."""

_MAX_RANGE = 10_000
_MISSING = "???"
"""How OmegaConf writes a value that is still to be given."""

_BYTES = (bytes, bytearray, memoryview)
_AS_THEY_ARE = frozenset({str, bool, float, type(None)})


def plain(value: Any, argument: str) -> Any:
    """The value as JSON can hold it, built of new lists and dictionaries.

    Args:
        value: anything; docs/how-to/log-params.md says what becomes of it.
        argument: its name, for messages.

    Raises:
        WrongType: something in it has no such form.
        InvalidArgument: it is nested deeper than `MAX_NESTING`, contains itself, has an integer of more digits than
            readers take, or two keys that would be one.

    Example:
        >>> import math, pathlib
        >>> plain({"data": pathlib.Path("a/b"), "layers": range(3), "loss": math.log}, "params")
        {'data': 'a/b', 'layers': [0, 1, 2], 'loss': 'math.log'}
    """
    kind = value.__class__
    if kind in _AS_THEY_ARE or (kind is int and -TOO_LARGE < value < TOO_LARGE):
        return value
    try:
        return _Walk(argument).convert(value)
    except RecursionError as error:
        raise InvalidArgument(f"{argument} cannot be stored: {error}") from error


def key_text(key: Any, argument: str) -> str:
    """A key as JSON has it: text as it is, numbers, bools and None as JSON writes them, members of enums by name.

    Raises:
        WrongType: it is something else.
    """
    if isinstance(key, str):
        return str.__str__(key)
    if not is_instance(key, "enum", "Enum"):
        item = key.item() if hasattr(key, "dtype") and hasattr(key, "item") else key
        if item is None or isinstance(item, bool):
            return {None: "null", True: "true", False: "false"}[item]
        if isinstance(item, (int, float)) and (isinstance(item, float) or -TOO_LARGE < item < TOO_LARGE):
            return float.__repr__(item) if isinstance(item, float) else str(int(item))
        if hasattr(item, "__fspath__") or hasattr(item, "isoformat"):
            return str(leaf(item))
    elif isinstance(key.name, str):
        return key.name
    raise WrongType(f"{argument} cannot be stored: the key {shown(key)} of type {type(key).__name__} must be text")


def entries_of(value: Any) -> list[tuple[Any, Any]] | None:
    """The entries of a mapping, or of an object that is settings by name; None for anything else.

    These are settings: mappings, `argparse.Namespace` and `SimpleNamespace`, named tuples, dataclasses, models of
    pydantic, classes of attrs and msgspec, configurations of OmegaConf, and what gives a mapping by `to_dict()`.

    Example:
        >>> entries_of(SimpleNamespace(lr=0.1)), entries_of([0.1])
        ([('lr', 0.1)], None)
    """
    kind = type(value)
    if kind is dict:
        return list(value.items())
    if isinstance(value, type) or kind in _AS_THEY_ARE or kind is int:
        return None
    if hasattr(kind, "tolist"):
        names = getattr(getattr(value, "dtype", None), "names", None)  # of a record of NumPy's
        return [(name, value[name]) for name in names] if names and not value.ndim else None
    if isinstance(value, Mapping) or (hasattr(kind, "keys") and hasattr(kind, "__getitem__")):
        keys = list(value.keys())
        return list(_resolved(value, keys)) if _is_omegaconf(kind) else [(key, value[key]) for key in keys]
    names = _field_names(value, kind)
    if names is not None:
        return [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    if (hasattr(kind, "model_fields") or hasattr(kind, "__fields_set__")) and not _has_root(kind):
        return list(value)  # a model of pydantic iterates over its fields, and those that it allowed beside them
    if isinstance(value, SimpleNamespace) or is_instance(value, "argparse", "Namespace"):
        return list(vars(value).items())
    if callable(getattr(kind, "to_dict", None)):
        given = value.to_dict()
        return list(given.items()) if isinstance(given, Mapping) else None
    return None


def named(entries: list[tuple[Any, Any]], argument: str, where: str = "") -> list[tuple[str, Any, Any]]:
    """(name, key, value) of entries whose keys become names.

    Raises:
        WrongType: a key has no text.
        InvalidArgument: two keys have the same.
    """
    found: dict[str, Any] = {}
    for key, _ in entries:
        name = key_text(key, argument)
        if name in found:
            raise InvalidArgument(
                f"{argument} cannot be stored: {where}the keys {shown(found[name])} and {shown(key)} would both be "
                f"{name!r}; rename one"
            )
        found[name] = key
    return [(name, key, value) for name, (key, value) in zip(found, entries, strict=True)]


def _field_names(value: Any, kind: type) -> Iterable[str] | None:
    """The fields of a named tuple, a dataclass, a class of attrs or of msgspec."""
    if hasattr(kind, "__dataclass_fields__"):
        return [field.name for field in sys.modules["dataclasses"].fields(value)]
    if hasattr(kind, "__attrs_attrs__"):
        return [attribute.name for attribute in kind.__attrs_attrs__]
    if hasattr(kind, "__struct_fields__"):
        return list(kind.__struct_fields__)
    return kind._fields if isinstance(value, tuple) and hasattr(kind, "_fields") else None


def _has_root(kind: type) -> bool:
    """Whether this is a model of pydantic that stands for one value without a name."""
    return bool(getattr(kind, "__pydantic_root_model__", False))


def _is_omegaconf(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "omegaconf"


def _resolved(container: Any, keys: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The entries of a configuration of OmegaConf: references followed, or as they are written if they lead nowhere."""
    library = sys.modules["omegaconf"]
    for key in keys:
        if library.OmegaConf.is_missing(container, key):
            yield key, _MISSING
            continue
        try:
            yield key, container[key]
        except library.errors.OmegaConfBaseException:
            yield key, library.OmegaConf.to_container(container, resolve=False)[key]


def _items_of(value: Any, kind: type) -> Iterable[Any] | None:
    """The elements of a sequence, of a set in an order of their own, of an array; None for anything else."""
    if kind is list or kind is tuple or getattr(getattr(value, "dtype", None), "names", None):
        return list(value)
    if _is_omegaconf(kind) and isinstance(value, Sequence):
        return [item for _, item in _resolved(value, range(len(value)))]
    if kind is range:
        return value if len(value) <= _MAX_RANGE else None
    if isinstance(value, (Sequence, AbstractSet, ValuesView)) and not isinstance(value, (str, *_BYTES)):
        return list(value)
    listed = getattr(kind, "to_list", None) if not hasattr(kind, "tolist") else None  # a Series of polars
    return listed(value) if callable(listed) else None


class _Walk:
    """One conversion: what is entered, and by which keys."""

    def __init__(self, argument: str) -> None:
        self._argument = argument
        self._entered: dict[int, Any] = {}
        self._path: list[str] = []

    def convert(self, value: Any) -> Any:
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        if _has_root(kind):
            return self.convert(value.root)
        entries = entries_of(value)
        if entries is not None:
            return self._inside(value, lambda: self._mapping(entries))
        items = _items_of(value, kind)
        if items is not None:
            as_set = isinstance(value, AbstractSet) and not isinstance(value, MappingView)
            return self._inside(value, lambda: self._sequence(items, as_set=as_set))
        try:
            simpler = leaf(value)
        except Unstorable as error:
            raise (InvalidArgument if error.is_value else WrongType)(
                f"{self._argument} cannot be stored: {self._where()}{error}"
            ) from error
        return self._inside(value, lambda: self._sequence(simpler)) if isinstance(simpler, list) else simpler

    def _inside(self, value: Any, function: Any) -> Any:
        if id(value) in self._entered:
            raise InvalidArgument(f"{self._argument} cannot be stored: {self._where()}it contains itself")
        if len(self._entered) >= MAX_NESTING:
            raise InvalidArgument(
                f"{self._argument} cannot be stored: it is nested deeper than {MAX_NESTING} levels. "
                "Log it as an artifact"
            )
        self._entered[id(value)] = value
        try:
            return function()
        finally:
            del self._entered[id(value)]

    def _mapping(self, entries: list[tuple[Any, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, _, value in named(entries, self._argument, self._where()):
            self._path.append(f".{name}")
            found[name] = self.convert(value)
            self._path.pop()
        return found

    def _sequence(self, items: Iterable[Any], *, as_set: bool = False) -> list[Any]:
        found = []
        for index, item in enumerate(items):
            self._path.append("" if as_set else f"[{index}]")
            found.append(self.convert(item))
            self._path.pop()
        return sorted(found, key=_order) if as_set else found

    def _where(self) -> str:
        path = "".join(self._path).removeprefix(".")
        return f"at {path if len(path) <= 80 else f'…{path[-80:]}'}: " if path else ""


def _order(value: Any) -> tuple[int, Any, str]:
    """Numbers by size, then texts, then the rest: the same set gives the same list."""
    if isinstance(value, (int, float)):
        return 0, value, ""
    return (1, 0, value) if isinstance(value, str) else (2, 0, repr(value))
