"""Arrays as .npy bytes, read back without pickle and without trusting the header."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, UnsafeLoad

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAGIC = b"\x93NUMPY"
_MAX_HEADER_BYTES = 100_000


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether values of this type are bytes, and not references to Python objects."""
    return not dtype.hasobject and dtype.kind in "biufcSUMmV"


def dump_npy(array: npt.NDArray[Any]) -> bytes:
    """An array of a plain type; dtype, byte order, shape and memory order come back as they are."""
    import numpy as np

    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=False)
    return out.getvalue()


def check_npy(raw: bytes, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether in Fortran order, dtype, and where the values begin; the size fits the header exactly.

    Raises:
        InvalidArgument: no .npy, or the values are not as many as the header says.
        UnsafeLoad: the values are pickled objects.
    """
    import numpy as np

    source = io.BytesIO(raw)
    try:
        version = np.lib.format.read_magic(source)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(source, max_header_size=_MAX_HEADER_BYTES)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise InvalidArgument(f"{what} is not an array: {str(error)[:200]}") from error
    if not is_plain(dtype):
        raise UnsafeLoad(
            f"{what} holds pickled objects ({dtype}); Runlore never writes such an array and does not load it"
        )
    count = 1
    for length in shape:
        count *= length
    if count * dtype.itemsize != len(raw) - source.tell() or any(length < 0 for length in shape):
        raise InvalidArgument(f"{what} declares shape {shape} of {dtype} and holds {len(raw) - source.tell():,} bytes")
    return shape, fortran, dtype, source.tell()


def load_npy(raw: bytes, what: str) -> npt.NDArray[Any]:
    """The array, writable.

    Raises:
        InvalidArgument: no .npy, or the values are not as many as the header says.
        UnsafeLoad: the values are pickled objects.
    """
    import numpy as np

    shape, fortran, dtype, start = check_npy(raw, what)
    if not dtype.itemsize:
        return np.zeros(shape, dtype=dtype)
    flat = np.frombuffer(raw, dtype=dtype, offset=start)
    array: npt.NDArray[Any] = flat.reshape(shape, order="F" if fortran else "C").copy(order="K")
    return array
