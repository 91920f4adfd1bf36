"""Python values that come back equal, without pickle.

The stored form is a zip archive: `object.json` is the skeleton, in which scalars and containers stand as tagged nodes;
arrays, models and long byte strings are members of their own, each in an open format (.npy, .npz, skops, safetensors,
UBJSON, LightGBM's text). What has no such form is pickled only when the caller asks for it.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, RunloreError, UnsupportedFormat
from runlore.media._content import MAX_JSON_BYTES, Content, Spool, dump_json, load_json, open_archive, read_member
from runlore.media._object_io import ObjectReader, ObjectWriter
from runlore.media.encoded import OBJECT, Encoded

if TYPE_CHECKING:
    from collections.abc import Iterable

MEDIA_TYPE = "application/vnd.runlore.object+zip"
FORMAT = "runlore-object"
VERSION = 1
_SKELETON = "object.json"


def encode_object(obj: Any, allow_pickle: bool = False) -> Encoded:
    """Any value that has a safe form, as bytes that `decode_object` turns into an equal value.

    These have one: None, bool, int of any size, float with NaN and infinities, complex, str, bytes, list, tuple, dict
    with any keys, set, deque, range, slice, dates and times, Decimal, UUID, paths; NumPy scalars and arrays (also of
    objects); DataFrames, Series and Indexes; SciPy's sparse matrices; scikit-learn estimators and Bunches; tensors;
    XGBoost and LightGBM models; and containers of these. A `torch.nn.Module` comes back as its state dict, on the CPU:
    its class is code and not data. A view or a memory-mapped array comes back as an array of its own; an object that
    is contained twice comes back twice. The same value gives the same bytes.

    Args:
        obj: the value.
        allow_pickle: pickle what has no other form. Whoever loads it must then trust the file.

    Raises:
        UnsafeLoad: some part could only be pickled, and that was not asked for.
        WrongType: some part has no stored form, and why.
        InvalidArgument: it contains itself, or is nested deeper than 100 levels.
        MissingDependency: skops or safetensors is needed and not installed.

    Example:
        >>> decode_object(encode_object({1: (2.5, float("inf")), "x": {"a"}}).data)
        {1: (2.5, inf), 'x': {'a'}}
    """
    out: Any
    with Spool(".runlore-object") as out, zipfile.ZipFile(out, "w") as archive:
        writer = ObjectWriter(archive, allow_pickle=allow_pickle)
        skeleton = dump_json({"format": FORMAT, "version": VERSION, "value": writer.node(obj)})
        archive.writestr(zipfile.ZipInfo(_SKELETON), skeleton, compress_type=zipfile.ZIP_DEFLATED)
    kind = type(obj)
    return Encoded(
        **out.content,
        media_type=MEDIA_TYPE,
        suffix=".runlore-object",
        kind=OBJECT,
        metadata={
            "class": kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        },
    )


def decode_object(
    content: Content, allow_pickle: bool = False, *, trusted: Iterable[str] | bool = (), max_bytes: int | None = None
) -> Any:
    """The value that `encode_object` stored.

    Args:
        content: the stored bytes or their path.
        allow_pickle: unpickle parts that were pickled. Only for files whose origin you trust.
        trusted: names of types in scikit-learn models that you trust, beyond those that are known to be harmless;
            True: all of them, which may run code.
        max_bytes: how large it may be once expanded. Default: the larger of 1 GiB and 100 times the content.

    Raises:
        UnsafeLoad: a pickle without `allow_pickle`, or a model of types that are not trusted.
        InvalidArgument: damaged, too large, or not a stored object.
        UnsupportedFormat: written by a newer Runlore.
        MissingDependency: a library that the value is made of is not installed.
    """
    with open_archive(content, "the object", max_bytes=max_bytes) as archive:
        if archive.NameToInfo.get(_SKELETON) and archive.NameToInfo[_SKELETON].file_size > MAX_JSON_BYTES:
            raise InvalidArgument(f"the object's skeleton has more than {MAX_JSON_BYTES:,} bytes; nothing was read")
        document = load_json(read_member(archive, _SKELETON, "the object"), "the object's skeleton")
        if document.get("format") != FORMAT or not isinstance(document.get("version"), int):
            raise InvalidArgument("the archive is not a stored object: its skeleton does not say so")
        if document["version"] > VERSION:
            raise UnsupportedFormat(f"the object has format version {document['version']}; upgrade Runlore to read it")
        reader = ObjectReader(
            archive,
            allow_pickle=allow_pickle,
            trusted=trusted if isinstance(trusted, (bool, str)) else tuple(trusted),
            max_bytes=max_bytes,
        )
        try:
            return reader.value(document["value"])
        except RunloreError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, OSError) as error:
            raise InvalidArgument(f"the object is damaged: {type(error).__name__}: {str(error)[:200]}") from error
