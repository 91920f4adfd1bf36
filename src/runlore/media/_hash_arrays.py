"""Content hashes of arrays: their shape, type and values, in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from runlore.media._hash_values import Hasher

_CHUNK_BYTES = 8 << 20


def feed_array(hasher: Hasher, array: npt.NDArray[Any]) -> None:
    """Type, shape and values in C order, little-endian, in chunks: neither memory order nor byte order matters."""
    dtype = array.dtype
    if dtype.names is not None:
        hasher.text("struct", f"{dtype.names} {array.shape}")
        for name in dtype.names:
            feed_array(hasher, array[name])
    elif dtype.hasobject or dtype.kind == "T":
        hasher.text("objects", f"{array.shape}")
        feed_objects(hasher, array.ravel().tolist())
    else:
        little = dtype.newbyteorder("<")
        hasher.text("array", f"{little.str} {array.shape}")
        for chunk in _chunks(array):
            hasher.raw(chunk.astype(little, order="C", copy=False).tobytes())


def _chunks(array: npt.NDArray[Any]) -> Iterable[npt.NDArray[Any]]:
    """Pieces along the first axis, none much larger than `_CHUNK_BYTES`."""
    if array.ndim == 0 or array.nbytes <= _CHUNK_BYTES:
        yield array
        return
    rows = max(1, _CHUNK_BYTES // max(1, array.nbytes // len(array)))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def feed_objects(hasher: Hasher, items: list[Any]) -> None:
    """Elements one by one; texts and missing values, the usual case, without recursion."""
    hasher.blob("items", len(items).to_bytes(8, "little"))
    for item in items:
        if type(item) is str:
            hasher.text("str", item)
        elif item is None:
            hasher.blob("None")
        else:
            hasher.value(item)
