"""The two walkers of `object_codec`: from a value to nodes and members of an archive, and back."""

from __future__ import annotations

import base64
import collections
import zipfile
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, UnsafeLoad, WrongType
from runlore.media import _lightgbm, _pickle, _scipy, _skops, _torch, _xgboost
from runlore.media._arrays import type_name
from runlore.media._content import Spool, read_member
from runlore.media._libraries import is_tensor, library_of
from runlore.media._npy import dump_npy, is_plain, load_npy
from runlore.media._object_pandas import PANDAS, pandas_node
from runlore.media._object_scalars import SCALARS, scalar_node

if TYPE_CHECKING:
    from collections.abc import Callable

    Node = Any

MAX_DEPTH = 100
_INLINE_BYTES = 1024
_CONTAINERS: dict[type, str] = {
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
    collections.deque: "deque",
}


class ObjectWriter:
    """Turns values into nodes, putting what is large into members of the archive."""

    def __init__(self, archive: zipfile.ZipFile, *, allow_pickle: bool) -> None:
        self.archive = archive
        self.allow_pickle = allow_pickle
        self._members = 0
        self._depth = 0

    def node(self, value: Any) -> Node:
        """The node of a value.

        Raises:
            UnsafeLoad: only a pickle could hold it, and nobody asked for one.
            WrongType: it has no stored form.
            InvalidArgument: it contains itself, or is nested too deeply.
        """
        if value is None:
            return None
        scalar = scalar_node(value)
        if scalar is not None:
            return scalar
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidArgument(f"the object is nested deeper than {MAX_DEPTH} levels, or contains itself")
        try:
            node = self._built_in(value) or self._foreign(value)
        except WrongType:
            if not self.allow_pickle:
                raise
            node = None
        finally:
            self._depth -= 1
        return node if node is not None else self._pickled(value)

    def member(self, data: bytes, suffix: str) -> str:
        """Store bytes as a member, and give its name."""
        name = f"{self._members:06d}{suffix}"
        self._members += 1
        self.archive.writestr(zipfile.ZipInfo(name), data)
        return name

    def _built_in(self, value: Any) -> Node | None:
        kind = type(value)
        if kind is list:
            return {"t": "list", "v": [self.node(item) for item in value]}
        if kind is dict or kind is collections.OrderedDict:
            return {"t": "dict" if kind is dict else "ordered_dict", "v": self._items(value)}
        if kind in _CONTAINERS:
            node = {"t": _CONTAINERS[kind], "v": [self.node(item) for item in value]}
            return {**node, "maxlen": value.maxlen} if kind is collections.deque else node
        if kind is bytes:
            if len(value) <= _INLINE_BYTES:
                return {"t": "bytes", "v": base64.b64encode(value).decode("ascii")}
            return {"t": "bytes_member", "member": self.member(value, ".bin")}
        if kind is slice:
            return {"t": "slice", "v": [self.node(part) for part in (value.start, value.stop, value.step)]}
        return None

    def _items(self, value: dict[Any, Any]) -> list[list[Node]]:
        return [[self.node(key), self.node(item)] for key, item in value.items()]

    def _foreign(self, value: Any) -> Node | None:
        library = library_of(value)
        if library == "numpy":
            return self._numpy(value)
        if library == "pandas":
            return pandas_node(self, value)
        if is_tensor(value):
            name = self._spooled(".safetensors", lambda out: _torch.dump_state({"tensor": value}, out))
            return {"t": "tensor", "member": name, "requires_grad": bool(value.requires_grad)}
        if _torch.is_module(value):
            state = _torch.module_state(value)
            return {
                "t": "module_state",
                "member": self._spooled(".safetensors", lambda out: _torch.dump_state(state, out)),
            }
        if _scipy.is_sparse(value):
            return {"t": "sparse", "member": self.member(_scipy.dump(value), ".npz")}
        if _xgboost.is_model(value):
            raw, extra = _xgboost.dump(value, "ubj")
            return {"t": "xgboost", "member": self.member(raw, ".ubj"), "extra": self.node(extra)}
        if _lightgbm.is_model(value):
            raw, extra = _lightgbm.dump(value)
            return {"t": "lightgbm", "member": self.member(raw, ".txt"), "extra": self.node(extra)}
        if _skops.is_estimator(value):
            return {"t": "skops", "member": self._spooled(".skops", lambda out: _skops.dump(value, out))}
        if _skops.is_bunch(value):
            return {"t": "bunch", "v": self._items(value)}
        return None

    def _numpy(self, value: Any) -> Node | None:
        import numpy as np

        if isinstance(value, np.generic):
            return (
                {"t": "numpy_scalar", "v": base64.b64encode(dump_npy(np.asarray(value))).decode("ascii")}
                if is_plain(value.dtype)
                else None
            )
        if isinstance(value, np.dtype) and is_plain(value):
            return {"t": "numpy_dtype", "v": base64.b64encode(dump_npy(np.empty(0, value))).decode("ascii")}
        if type(value) is np.memmap:
            value = np.asarray(value)
        if type(value) is not np.ndarray:
            return None
        if is_plain(value.dtype):
            return {"t": "array", "member": self.member(dump_npy(value), ".npy")}
        if value.dtype == object:
            return {
                "t": "object_array",
                "shape": list(value.shape),
                "v": [self.node(item) for item in value.ravel().tolist()],
            }
        return None

    def _spooled(self, suffix: str, dump: Callable[[Spool], object]) -> str:
        """Store what a library writes, without holding it in memory when it is large."""
        with Spool(suffix) as out:
            dump(out)
        if out.path is None:
            return self.member(out.data or b"", suffix)
        name = f"{self._members:06d}{suffix}"
        self._members += 1
        try:
            self.archive.write(out.path, name)
        finally:
            out.discard()
        return name

    def _pickled(self, value: Any) -> Node:
        if not self.allow_pickle:
            raise UnsafeLoad(
                f"the object is or contains a {type_name(value)}, which only a pickle could hold, and a pickle runs "
                "code when it is loaded. Nothing was stored. Pass allow_pickle=True if that is what you want, or "
                "built-in values, arrays, DataFrames and models"
            )
        return {"t": "pickle", "member": self._spooled(".pickle", lambda out: _pickle.dump(value, out, "the object"))}


class ObjectReader:
    """Turns nodes back into values. Runs no code of the file's, unless `allow_pickle` says so."""

    what = "the object"

    def __init__(
        self,
        archive: zipfile.ZipFile,
        *,
        allow_pickle: bool,
        trusted: tuple[str, ...] | bool | str,
        max_bytes: int | None,
    ) -> None:
        self.archive = archive
        self.allow_pickle = allow_pickle
        self.trusted = trusted
        self.max_bytes = max_bytes

    def value(self, node: Node) -> Any:
        """The value of a node.

        Raises:
            InvalidArgument: a node of an unknown kind.
            UnsafeLoad: a pickle, and nobody allowed it.
        """
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        tag = node.get("t") if isinstance(node, dict) else None
        if not isinstance(node, dict) or not isinstance(tag, str):
            raise InvalidArgument(f"the object has a part {str(node)[:60]!r} of no known kind")
        if tag in SCALARS:
            return SCALARS[tag](node)
        read = PANDAS.get(tag) or _READERS.get(tag)
        if read is None:
            raise InvalidArgument(
                f"the object has a part of the unknown kind {tag!r}; a newer Runlore may have written it"
            )
        return read(self, node)

    def values(self, node: dict[str, Any]) -> list[Any]:
        """The values of the nodes in `v`."""
        return [self.value(item) for item in node["v"]]

    def items(self, node: dict[str, Any]) -> list[tuple[Any, Any]]:
        """The key and value pairs in `v`."""
        return [(self.value(key), self.value(item)) for key, item in node["v"]]

    def member(self, node: dict[str, Any]) -> bytes:
        """The bytes of the member that a node names."""
        return read_member(self.archive, node["member"], self.what)


def _deque(reader: ObjectReader, node: dict[str, Any]) -> Any:
    return collections.deque(reader.values(node), node["maxlen"])


def _object_array(reader: ObjectReader, node: dict[str, Any]) -> Any:
    import numpy as np

    items = reader.values(node)
    array = np.empty(len(items), dtype=object)
    for position, item in enumerate(items):
        array[position] = item
    return array.reshape(node["shape"])


def _numpy_scalar(_: ObjectReader, node: dict[str, Any]) -> Any:
    return load_npy(base64.b64decode(node["v"], validate=True), "a number of the object")[()]


def _numpy_dtype(_: ObjectReader, node: dict[str, Any]) -> Any:
    return load_npy(base64.b64decode(node["v"], validate=True), "a type of the object").dtype


def _tensor(reader: ObjectReader, node: dict[str, Any]) -> Any:
    tensor = _torch.load_state(reader.member(node))["tensor"]
    return tensor.requires_grad_(node["requires_grad"] is True)


def _pickled(reader: ObjectReader, node: dict[str, Any]) -> Any:
    return _pickle.load(reader.member(node), "a part of the object", allow_pickle=reader.allow_pickle)


_READERS: dict[str, Callable[[ObjectReader, dict[str, Any]], Any]] = {
    "list": ObjectReader.values,
    "tuple": lambda reader, node: tuple(reader.values(node)),
    "set": lambda reader, node: set(reader.values(node)),
    "frozenset": lambda reader, node: frozenset(reader.values(node)),
    "deque": _deque,
    "dict": lambda reader, node: dict(reader.items(node)),
    "ordered_dict": lambda reader, node: collections.OrderedDict(reader.items(node)),
    "bunch": lambda reader, node: _skops.make_bunch(dict(reader.items(node))),
    "bytes_member": ObjectReader.member,
    "slice": lambda reader, node: slice(*reader.values(node)),
    "array": lambda reader, node: load_npy(reader.member(node), "an array of the object"),
    "object_array": _object_array,
    "numpy_scalar": _numpy_scalar,
    "numpy_dtype": _numpy_dtype,
    "tensor": _tensor,
    "module_state": lambda reader, node: _torch.load_state(reader.member(node)),
    "sparse": lambda reader, node: _scipy.load(reader.member(node)),
    "xgboost": lambda reader, node: _xgboost.load(reader.member(node), reader.value(node["extra"])),
    "lightgbm": lambda reader, node: _lightgbm.load(reader.member(node), reader.value(node["extra"])),
    "skops": lambda reader, node: _skops.load(reader.member(node), trusted=reader.trusted, max_bytes=reader.max_bytes),
    "pickle": _pickled,
}
"""How the nodes of containers, arrays and models are read, by tag."""
