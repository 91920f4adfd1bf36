"""Arrays as .npy bytes, read back without pickle and without trusting the header."""

from __future__ import annotations

import ast
import io
import operator
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, UnsafeLoad

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAGIC = b"\x93NUMPY"
_MAX_HEADER_BYTES = 1 << 20


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether values of this type are bytes, and not references to Python objects."""
    return not dtype.hasobject and dtype.kind in "biufcSUMmV"


def dump_npy(array: npt.NDArray[Any]) -> bytes:
    """An array of a plain type; dtype, byte order, shape and memory order come back as they are."""
    import numpy as np

    out = io.BytesIO()
    version = (2, 0) if str(array.dtype.names).isascii() and str(array.dtype).isascii() else (3, 0)
    np.lib.format.write_array(out, array, version=version, allow_pickle=False)
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
        if version == (3, 0):
            shape, fortran, dtype = _read_utf8_header(source)
        else:
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = reader(source, max_header_size=_MAX_HEADER_BYTES)
    except (LookupError, ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
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


def _read_utf8_header(source: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The header of version 3, for which NumPy has no public reader: names of fields may be of any script."""
    import numpy as np

    length = int.from_bytes(source.read(4), "little")
    if length > _MAX_HEADER_BYTES:
        raise ValueError(f"its header has {length:,} bytes")
    header = ast.literal_eval(source.read(length).decode("utf-8"))
    shape = tuple(operator.index(size) for size in header["shape"])
    return shape, header["fortran_order"] is True, np.lib.format.descr_to_dtype(header["descr"])


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
