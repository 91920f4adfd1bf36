"""References to data: a name, a hash of the content, and enough to recognise the data by.

The data itself is not stored. The hash is SHA-256 over the content: it changes when one element changes, and is
equal in another process, on another machine and under another hash seed.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from runlore.errors import ArtifactNotFound
from runlore.media._hash_files import directory_digest, file_digest
from runlore.media._hash_values import Hasher
from runlore.media._libraries import is_tensor, library_of
from runlore.names import check_key

_MAX_PATH_LENGTH = 4096
_MAX_COLUMNS = 1000


def data_reference(data: Any, name: str = "data") -> dict[str, Any]:
    """What a run remembers of the data that it used.

    Args:
        data: an array, a tensor, a pandas or polars DataFrame or Series, an Arrow table, a sparse matrix, a
            scikit-learn Bunch, a path, bytes, text, numbers, or lists, tuples, sets and mappings of such. A string that
            names an existing file or directory is that path, any other string is text; a `pathlib.Path` is always a
            path.
        name: what the run calls it.

    Returns:
        `name`, `hash` (`sha256:` and 64 hexadecimal digits), `kind`, `size_bytes`, and where they apply `shape`,
        `dtype`, `columns` (with `dtypes`), `path`, `files`.

        The hash of a file, of bytes and of text (as UTF-8) is that which `sha256sum` prints.

    Raises:
        WrongType: an object without content that could be hashed; its address is never used.
        ArtifactNotFound: a `pathlib.Path` to nothing (also a `FileNotFoundError`).
        InvalidArgument: data that contains itself, or a path that is neither file nor directory.
        OSError: a file cannot be read.

    Example:
        >>> import numpy as np
        >>> reference = data_reference(np.arange(6).reshape(2, 3), "train")
        >>> reference["name"], reference["shape"], reference["hash"][:15]
        ('train', [2, 3], 'sha256:44cc728e')
    """
    check_key(name, "name")
    path = _as_path(data)
    if path is not None:
        return {"name": name, **_describe_path(path)}
    if isinstance(data, (bytes, bytearray, str)):
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
        kind = "text" if isinstance(data, str) else "bytes"
        return {"name": name, "hash": _text(hashlib.sha256(raw).digest()), "kind": kind, "size_bytes": len(raw)}
    hasher = Hasher()
    hasher.value(data)
    return {"name": name, "hash": _text(hasher.digest()), **_describe(data)}


def _text(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


def _as_path(data: Any) -> str | None:
    if isinstance(data, os.PathLike):
        path = os.fspath(data)
        if not os.path.exists(path):
            raise ArtifactNotFound(f"data={str(path)!r} does not exist; nothing was recorded")
        return str(path)
    if isinstance(data, str) and data and len(data) <= _MAX_PATH_LENGTH and "\0" not in data and os.path.exists(data):
        return data
    return None


def _describe_path(path: str) -> dict[str, Any]:
    where = os.path.abspath(path)
    if os.path.isdir(path):
        digest, size_bytes, files = directory_digest(path)
        return {"hash": _text(digest), "kind": "directory", "size_bytes": size_bytes, "files": files, "path": where}
    digest, size_bytes = file_digest(path)
    return {"hash": _text(digest), "kind": "file", "size_bytes": size_bytes, "path": where}


def _describe(data: Any) -> dict[str, Any]:
    """Kind, shape, types and size; what is cheap to know."""
    library = library_of(data)
    if library == "sklearn" and isinstance(data, dict):
        fields = {key: _describe(value) for key, value in data.items() if key in ("data", "target")}
        return {
            "kind": "bunch",
            "size_bytes": sum(field["size_bytes"] for field in fields.values()),
            **_shape(data.get("data")),
        }
    described = {"kind": _kind(data, library), "size_bytes": _size_bytes(data), **_shape(data)}
    if hasattr(data, "columns") and not isinstance(data, dict):
        names = getattr(data, "column_names", None) or list(data.columns)
        types = getattr(data, "dtypes", None)
        dtypes = list(types) if types is not None else [field.type for field in data.schema]
        described["columns"] = [str(column) for column in names][:_MAX_COLUMNS]
        described["dtypes"] = [str(dtype) for dtype in dtypes][:_MAX_COLUMNS]
    elif hasattr(data, "dtype"):
        described["dtype"] = str(data.dtype).removeprefix("torch.")
    elif isinstance(data, (list, tuple, set, frozenset, dict)):
        described["length"] = len(data)
    return described


def _kind(data: Any, library: str) -> str:
    if is_tensor(data):
        return "tensor"
    if library in ("pandas", "polars", "pyarrow"):
        return {"DataFrame": "dataframe", "Series": "series", "Table": "table"}.get(type(data).__name__, "values")
    if library == "scipy":
        return "sparse"
    return "array" if hasattr(data, "shape") and hasattr(data, "dtype") else type(data).__name__


def _shape(data: Any) -> dict[str, Any]:
    shape = getattr(data, "shape", None)
    return {"shape": [int(length) for length in shape]} if isinstance(shape, tuple) else {}


def _size_bytes(data: Any) -> int:
    """Bytes that the values take in memory; of a container, those of the values in it that say so."""
    if hasattr(data, "memory_usage"):
        usage = data.memory_usage(deep=False)
        return int(usage.sum()) if hasattr(usage, "sum") else int(usage)
    if hasattr(data, "estimated_size"):
        return int(data.estimated_size())
    if isinstance(getattr(data, "nbytes", None), int):
        return int(data.nbytes)
    if hasattr(data, "tocsr"):
        return int(data.tocoo().data.nbytes)
    if isinstance(data, dict):
        return sum(map(_size_bytes, data.values()))
    if isinstance(data, (list, tuple, set, frozenset)):
        return sum(map(_size_bytes, data))
    return len(data) if isinstance(data, (bytes, str)) else 8
