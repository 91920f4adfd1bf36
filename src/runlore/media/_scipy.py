"""SciPy's sparse matrices and arrays."""

from __future__ import annotations

import io
import sys
from typing import Any

from runlore.errors import InvalidArgument, MissingDependency, WrongType
from runlore.media._content import open_archive, read_member
from runlore.media._npy import check_npy


def is_sparse(value: Any) -> bool:
    """Whether this is a sparse matrix or array. Imports nothing."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(value))


def dump(matrix: Any) -> bytes:
    """SciPy's own .npz.

    Raises:
        WrongType: a format that is made for building (LIL, DOK), or entries that are Python objects.
    """
    if matrix.format not in ("csr", "csc", "bsr", "dia", "coo") or matrix.dtype.hasobject:
        raise WrongType(
            f"a sparse matrix in {matrix.format} format of {matrix.dtype} cannot be stored; convert it with .tocsr()"
        )
    out = io.BytesIO()
    sys.modules["scipy.sparse"].save_npz(out, matrix, compressed=False)
    return out.getvalue()


def load(raw: bytes) -> Any:
    """A sparse matrix; no array in it is pickled, none larger than its bytes.

    Raises:
        InvalidArgument: damaged.
        UnsafeLoad: an array in it is pickled.
        MissingDependency: SciPy is not installed.
    """
    try:
        from scipy import sparse
    except ImportError as error:
        raise MissingDependency("scipy", "models", "loading a sparse matrix") from error
    with open_archive(raw, "the sparse matrix") as archive:
        for member in archive.namelist():
            check_npy(read_member(archive, member, "the sparse matrix"), f"the sparse matrix's {member!r}")
    try:
        matrix = sparse.load_npz(io.BytesIO(raw))
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InvalidArgument(f"the sparse matrix is damaged: {error}") from error
    return matrix
