"""Artifacts: any object, kept without pickle where that is possible, and restored as it was.

Models go where native `Run.log_model` puts them (skops, safetensors, the library's own format), other values where
`runlore.media.encode_object` does. What omega-ml calls an artifact is an `artifact` event of the native run, so that
every reader finds it; what the event is called here (`data`, `related` …) and its key stand in its metadata.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from runlore.dialects import _native
from runlore.errors import ArtifactNotFound, InvalidArgument, UnsafeLoad

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runlore.media import Encoded

_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch

ORIGIN = "omegaml"
"""Where an artifact's metadata says what it is called here."""


@dataclass(frozen=True)
class Metadata:
    """What describes a stored object: its name, what kind it is, and more. Restored as what it is."""

    name: str
    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)


def is_model(obj: Any) -> bool:
    """Whether this is fitted and asked for predictions, as scikit-learn, torch, XGBoost and LightGBM models are."""
    from runlore.media.model import natural_format

    return not isinstance(obj, dict) and natural_format(obj) is not None


def encode(obj: Any, *, allow_pickle: bool) -> tuple[Encoded, str]:
    """The object as bytes, and its format in omega-ml's words: `model`, `metadata` or `object`.

    Raises:
        UnsafeLoad: only a pickle could hold it, and the tracker does not allow one.
    """
    from runlore.media import encode_model, encode_object

    if isinstance(obj, Metadata):
        return encode_object(asdict(obj)), "metadata"
    if is_model(obj):
        return encode_model(obj, allow_pickle=allow_pickle), "model"
    return encode_object(obj, allow_pickle=allow_pickle), "object"


def cell(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What the `value` column shows of an artifact: omega-ml's `name`, `data` and `format`, and what is native."""
    digest = value.get("digest")
    shown = value.get(ORIGIN, {}).get("format") or value.get("kind", "file")
    own = {"name": name, "data": f"blobs/{digest[:2]}/{digest}" if digest else None, "format": shown}
    return {**own, **value, **own}


def trust(*given: Iterable[str] | bool) -> list[str] | bool:
    """Types that are trusted where any of the given names them: one name, several, or True for all.

    Example:
        >>> trust("a.B", ["c.D"], ()), trust("a.B", True)
        (['a.B', 'c.D'], True)
    """
    if any(item is True for item in given):
        return True
    listed = [[item] if isinstance(item, str) else item for item in given if not isinstance(item, bool)]
    return [name for names in listed for name in names]


def restore(value: Mapping[str, Any], store: Any, *, trusted: Iterable[str] | bool, allow_pickle: bool) -> Any:
    """The object of an artifact's cell; the bytes of what is no object but a file.

    Raises:
        ArtifactNotFound: the contents are gone.
        DamagedFile: they are not what was logged.
        UnsafeLoad: a pickle, or types that are not trusted.
        InvalidArgument: the value is no cell of an artifact.
    """
    from runlore.media.encoded import KINDS, MODEL
    from runlore.media.model import is_model_type
    from runlore.reader import Artifact

    digest, kind = value.get("digest"), value.get("kind")
    if not isinstance(digest, str) or not _DIGEST(digest) or not isinstance(kind, str):
        raise InvalidArgument(f"value={value!r} is not the value of an artifact, as data() shows it")
    media_type, name, place = value.get("media_type") or "", str(value.get("name")), _native.open_store(store)
    artifact = Artifact(name, None, digest, None, media_type, kind, dict(value), 0, place)
    try:
        if kind not in KINDS or (kind == MODEL and not is_model_type(media_type)):
            return artifact.read_bytes()
        obj = artifact.load(trusted=trusted, allow_pickle=allow_pickle)
    except FileNotFoundError as error:
        raise ArtifactNotFound(
            f"the contents of artifact {value.get('name')!r} (sha256 {digest}) are missing from the store"
        ) from error
    except UnsafeLoad as error:
        error.args = (f"artifact {value.get('name')!r}: {error}",)
        raise
    return Metadata(**obj) if value.get(ORIGIN, {}).get("format") == "metadata" else obj


def concatenate(items: list[Any]) -> Any:
    """Frames and series below one another, arrays as one, the elements of other sequences as one list.

    A mapping or a single value is one element: nothing of it is dropped.
    """
    import numpy as np
    import pandas as pd

    if items and all(isinstance(item, (pd.DataFrame, pd.Series)) for item in items):
        return pd.concat(items, axis=0)
    if items and all(isinstance(item, np.ndarray) for item in items):
        return np.concatenate([np.atleast_1d(item) for item in items])
    chained: list[Any] = []
    for item in items:
        if isinstance(item, (list, tuple, set, frozenset, range, np.ndarray, pd.Series, pd.Index)):
            chained.extend(item)
        else:
            chained.append(item)
    return chained
