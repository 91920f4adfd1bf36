"""skops: scikit-learn estimators without pickle."""

from __future__ import annotations

import json
import sys
import zipfile
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency, RunloreError, UnsafeLoad, WrongType
from runlore.media._content import Content, Spool, open_archive, read_content, read_member
from runlore.media._npy import MAGIC, check_npy
from runlore.media.harmless import unknown_types

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_estimator(value: Any) -> bool:
    """Whether this is a scikit-learn estimator, or one derived from it. Imports nothing."""
    module = sys.modules.get("sklearn.base")
    return module is not None and isinstance(value, module.BaseEstimator)


def is_bunch(value: Any) -> bool:
    """Whether this is a scikit-learn Bunch, what its data set loaders return. Imports nothing."""
    module = sys.modules.get("sklearn.utils")
    return module is not None and type(value) is module.Bunch


def make_bunch(items: dict[Any, Any]) -> Any:
    """A Bunch of these items.

    Raises:
        MissingDependency: scikit-learn is not installed.
    """
    try:
        from sklearn.utils import Bunch
    except ImportError as error:
        raise MissingDependency("scikit-learn", "models", "loading a Bunch") from error
    return Bunch(**items)


def _module(purpose: str) -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise MissingDependency("skops", "models", purpose) from error
    return skops.io


def dump(estimator: Any, out: Spool) -> None:
    """Write an estimator.

    Raises:
        WrongType: some part of it has no form without pickle.
        MissingDependency: skops is not installed.
    """
    try:
        _module("storing a scikit-learn model").dump(estimator, out, compression=zipfile.ZIP_DEFLATED)
    except (TypeError, ValueError, AttributeError, NotImplementedError, RecursionError) as error:
        raise _no_form(estimator, error) from error


def untrusted_types(content: Content, estimator: Any) -> list[str]:
    """Names of the types in an estimator that was just written which a reader has to trust by name.

    Raises:
        WrongType: what was written cannot be read again.
    """
    try:
        with open_archive(content, "the model") as archive:
            return _untrusted(read_content(content, "the model"), archive)[1]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, ImportError) as error:
        raise _no_form(estimator, error) from error


def _no_form(estimator: Any, error: Exception) -> WrongType:
    return WrongType(
        f"the model {type(estimator).__name__} cannot be stored without pickle: {str(error)[:300]}. "
        "If a pickle is what you want, pass allow_pickle=True"
    )


def _untrusted(raw: bytes, archive: zipfile.ZipFile) -> tuple[list[str], list[str]]:
    """The types that skops does not trust, and those of them that are not known to be harmless either."""
    found = set(_module("reading a scikit-learn model").get_untrusted_types(data=raw))
    schema = json.loads(read_member(archive, "schema.json", "the model"))
    return sorted(found), unknown_types(found, schema)


def load(content: Content, *, trusted: Iterable[str] | bool = (), max_bytes: int | None = None) -> Any:
    """Read an estimator, if every type in it is known to be harmless, or trusted by the caller.

    Args:
        content: the stored bytes or their path.
        trusted: names of further types; True: all that the file names, which may run code.
        max_bytes: how large it may be once expanded.

    Raises:
        UnsafeLoad: it has other types; the message lists them.
        InvalidArgument: damaged, too large once expanded, or no skops file.
        MissingDependency: skops, or a library that the model is made of, is not installed.
    """
    io = _module("loading a scikit-learn model")
    _check(content, max_bytes)
    raw = read_content(content, "the model")
    try:
        with open_archive(content, "the model", max_bytes=max_bytes) as archive:
            found, unknown = _untrusted(raw, archive)
        if trusted is not True:
            named = [trusted] if isinstance(trusted, str) else list(trusted or ())
            unknown = sorted(set(unknown) - set(named))
            if unknown:
                raise UnsafeLoad(
                    f"the model is made of types that are not known to be safe to load: {unknown}. Nothing was loaded. "
                    f"If you trust them, pass trusted={unknown}, or trusted=True for all that it names"
                )
        return io.loads(raw, trusted=found)
    except RunloreError:
        raise
    except ImportError as error:
        raise MissingDependency(error.name or "a library", "models", "loading this model") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OSError) as error:
        raise InvalidArgument(
            f"the model is not a readable skops file: {type(error).__name__}: {str(error)[:300]}"
        ) from error


def _check(content: Content, max_bytes: int | None) -> None:
    """No member expands beyond the limit, neither in the zip nor through an array's header."""
    with open_archive(content, "the model", max_bytes=max_bytes) as archive:
        if "schema.json" not in archive.NameToInfo:
            raise InvalidArgument("the model is a zip archive but not a skops file: it has no schema.json")
        for name in archive.namelist():
            raw = read_member(archive, name, "the model")
            if raw.startswith(MAGIC):
                check_npy(raw, f"the member {name!r} of the model")
