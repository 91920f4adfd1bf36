"""Content hashes of Python values, arrays and tables. Nothing here depends on addresses, hash seeds or print formats.

A value is fed to SHA-256 as a tag, a length and its bytes, so that no two different values feed the same bytes.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from typing import Any

from runlore.errors import InvalidArgument, WrongType
from runlore.media._arrays import type_name
from runlore.media._hash_arrays import feed_array
from runlore.media._hash_files import directory_digest, file_digest
from runlore.media._libraries import is_tensor, library_of

MAX_DEPTH = 100
_NOT_DATA = frozenset({"DESCR", "filename", "data_filename", "target_filename", "data_module"})
"""Entries of a scikit-learn Bunch that describe the data and differ from machine to machine."""


class Hasher:
    """SHA-256 over tagged values."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._depth = 0

    def digest(self) -> bytes:
        """32 bytes."""
        return self._sha256.digest()

    def raw(self, data: Any) -> None:
        """Bytes without tag or length."""
        self._sha256.update(data)

    def blob(self, tag: str, data: bytes = b"") -> None:
        """A tag and bytes."""
        head = tag.encode("ascii")
        self._sha256.update(bytes((len(head),)) + head + len(data).to_bytes(8, "little") + data)

    def text(self, tag: str, text: str) -> None:
        """A tag and text."""
        self.blob(tag, text.encode("utf-8", "surrogatepass"))

    def value(self, value: Any) -> None:
        """Any value that has content.

        Raises:
            WrongType: it has none that is known here.
            InvalidArgument: it contains itself, or is nested deeper than `MAX_DEPTH`.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidArgument(f"data is nested deeper than {MAX_DEPTH} levels, or contains itself")
        if not _feed_scalar(self, value) and not _feed_container(self, value):
            _feed_data(self, value)
        self._depth -= 1

    def child(self, value: Any) -> bytes:
        """The digest of a value on its own."""
        other = Hasher()
        other._depth = self._depth
        other.value(value)
        return other.digest()


def _feed_scalar(hasher: Hasher, value: Any) -> bool:
    kind = type(value)
    if value is None or kind is bool:
        hasher.blob(repr(value))
    elif kind is int:
        hasher.blob("int", hex(value).encode("ascii"))
    elif kind is float:
        hasher.blob("float", _float_bytes(value))
    elif kind is str:
        hasher.text("str", value)
    elif kind in (bytes, bytearray):
        hasher.blob(kind.__name__, bytes(value))
    elif kind is complex:
        hasher.blob("complex", _float_bytes(value.real) + _float_bytes(value.imag))
    elif kind.__module__ in ("datetime", "decimal", "uuid", "fractions"):
        hasher.text(
            f"{kind.__module__}.{kind.__name__}", value.isoformat() if hasattr(value, "isoformat") else repr(value)
        )
    elif kind is range or kind is slice:
        hasher.text(kind.__name__, repr(value))
    else:
        return False
    return True


def _float_bytes(value: float) -> bytes:
    return struct.pack("<d", float("nan") if math.isnan(value) else value)


def _feed_container(hasher: Hasher, value: Any) -> bool:
    """Mappings and sets without regard to order, as `==` compares them; sequences with it; paths by what they hold."""
    if isinstance(value, dict):
        is_bunch = library_of(value) == "sklearn"
        items = [(key, item) for key, item in value.items() if not (is_bunch and key in _NOT_DATA)]
        hasher.blob("dict", len(items).to_bytes(8, "little"))
        for key, item in sorted((hasher.child(key), hasher.child(item)) for key, item in items):
            hasher.raw(key + item)
    elif isinstance(value, (list, tuple)):
        hasher.blob("tuple" if isinstance(value, tuple) else "list", len(value).to_bytes(8, "little"))
        for item in value:
            hasher.value(item)
    elif isinstance(value, (set, frozenset)):
        hasher.blob("set", len(value).to_bytes(8, "little"))
        for item in sorted(map(hasher.child, value)):
            hasher.raw(item)
    elif isinstance(value, os.PathLike):
        path = os.fspath(value)
        is_directory = os.path.isdir(path)
        hasher.blob(
            "directory" if is_directory else "file", (directory_digest if is_directory else file_digest)(path)[0]
        )
    else:
        return False
    return True


def _feed_data(hasher: Hasher, value: Any) -> None:
    library = library_of(value)
    if library == "pandas":
        from runlore.media._hash_pandas import feed_pandas

        feed_pandas(hasher, value)
    elif library == "pyarrow" or hasattr(value, "__arrow_c_stream__"):
        from runlore.media._hash_arrow import feed_arrow

        feed_arrow(hasher, value)
    elif is_tensor(value):
        from runlore.media._torch import tensor_bytes

        hasher.text("tensor", f"{value.dtype} {tuple(value.shape)}")
        hasher.raw(tensor_bytes(value))
    elif library == "scipy" and hasattr(value, "tocsr"):
        _feed_sparse(hasher, value)
    elif hasattr(value, "__array__"):
        _feed_any_array(hasher, value)
    else:
        raise WrongType(
            f"data is or contains a {type_name(value)}, which has no content to hash. Pass arrays, "
            "DataFrames, tensors, paths of files or directories, or built-in values of such; for an object of "
            "your own, the data that it was made from"
        )


def _feed_sparse(hasher: Hasher, matrix: Any) -> None:
    """Equal matrices are equal in any sparse format: the canonical CSR (two dimensions) or COO form is hashed."""
    canonical = (matrix.tocsr() if matrix.ndim == 2 else matrix.tocoo()).copy()
    canonical.sum_duplicates()
    hasher.text("sparse", f"{tuple(canonical.shape)}")
    parts = (
        (canonical.data, canonical.indices, canonical.indptr)
        if matrix.ndim == 2
        else (canonical.data, *canonical.coords)
    )
    for index, part in enumerate(parts):
        feed_array(hasher, part if index == 0 else part.astype("int64"))


def _feed_any_array(hasher: Hasher, value: Any) -> None:
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        hasher.blob("masked")
        feed_array(hasher, np.ma.getmaskarray(value))
        feed_array(hasher, np.asarray(np.where(np.ma.getmaskarray(value), np.zeros((), value.dtype), value.data)))
        return
    if isinstance(value, np.generic):
        hasher.blob("scalar")
    feed_array(hasher, np.asarray(value))
