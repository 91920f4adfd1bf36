"""One front door for reading: what was stored, back as an object of the kind that a user works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument
from runlore.media import encoded as kinds
from runlore.media.audio import decode_audio
from runlore.media.confusion_matrix import decode_confusion_matrix
from runlore.media.curve import decode_curve
from runlore.media.document import decode_document
from runlore.media.figure import decode_figure
from runlore.media.histogram import decode_histogram
from runlore.media.image import decode_image
from runlore.media.model import decode_model
from runlore.media.object_codec import decode_object
from runlore.media.table import decode_table
from runlore.media.text import decode_text
from runlore.media.video import decode_video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from runlore.media._content import Content

    Decoder = Callable[[Content, str, Mapping[str, Any], dict[str, Any]], Any]

_DECODERS: dict[str, tuple[frozenset[str], Decoder]] = {
    kinds.IMAGE: (
        frozenset({"as_array"}),
        lambda content, media_type, _, options: decode_image(content, media_type, **options),
    ),
    kinds.TABLE: (
        frozenset({"columns", "as_arrow", "max_bytes"}),
        lambda content, _, __, options: decode_table(content, **options),
    ),
    kinds.HTML: (frozenset({"max_bytes"}), lambda content, _, __, options: decode_text(content, **options)),
    kinds.TEXT: (frozenset({"max_bytes"}), lambda content, _, __, options: decode_text(content, **options)),
    kinds.AUDIO: (frozenset({"max_bytes"}), lambda content, _, __, options: decode_audio(content, **options)),
    kinds.VIDEO: (
        frozenset({"as_array", "max_bytes"}),
        lambda content, media_type, _, options: decode_video(content, media_type, **options),
    ),
    kinds.HISTOGRAM: (frozenset(), lambda content, _, __, ___: decode_histogram(content)),
    kinds.CURVE: (frozenset(), lambda content, _, __, ___: decode_curve(content)),
    kinds.CONFUSION_MATRIX: (frozenset(), lambda content, _, __, ___: decode_confusion_matrix(content)),
    kinds.FIGURE: (frozenset(), lambda content, media_type, _, __: decode_figure(content, media_type)),
    kinds.DOCUMENT: (frozenset(), lambda content, _, __, ___: decode_document(content)),
    kinds.MODEL: (
        frozenset({"module", "max_bytes"}),
        lambda content, media_type, metadata, options: decode_model(content, media_type, metadata, **options),
    ),
    kinds.OBJECT: (
        frozenset({"max_bytes"}),
        lambda content, _, __, options: decode_object(content, **options),
    ),
}


def decode(
    kind: str,
    media_type: str,
    metadata: Mapping[str, Any],
    path: Content,
    *,
    allow_pickle: bool = False,
    trusted: Iterable[str] | bool = (),
    **options: Any,
) -> Any:
    """Stored content as an object.

    | kind | comes back as | options |
    | --- | --- | --- |
    | image | Pillow image | `as_array` |
    | table | pandas DataFrame | `columns`, `as_arrow`, `max_bytes` |
    | text, html | str | `max_bytes` |
    | audio | samples `(n, channels)` and rate in hertz | `max_bytes` |
    | video | bytes of the file | `as_array`, `max_bytes` |
    | histogram, curve, confusion_matrix | `Histogram`, `Curve`, `ConfusionMatrix`, each with `to_frame()` | |
    | figure | Plotly figure, or a `Picture`: bytes that a notebook shows | |
    | document | plain values | |
    | model | the model | `module`, `max_bytes` |
    | object | an equal object | `max_bytes` |

    Args:
        kind: as it was stored.
        media_type: as it was stored.
        metadata: as it was stored.
        path: a path of the content, or the bytes.
        allow_pickle: unpickle a model or object that was stored as a pickle, if you trust whoever logged it.
        trusted: names of types in a model or object that may be loaded, beyond those that are known to be harmless;
            True for all that it names. What is not made of types needs neither this nor `allow_pickle`.
        **options: see the table.

    Raises:
        UnsafeLoad: a pickle without `allow_pickle`, or types that are not trusted.
        InvalidArgument: an unknown kind or option, or content that is damaged, too large or not what it says.
        MissingDependency: a library is needed that is not installed.
        FileNotFoundError: the path does not exist.

    Example:
        >>> decode("text", "text/plain", {}, b"hello")
        'hello'
    """
    known, decoder = _DECODERS.get(kind, (frozenset(), None))
    if decoder is None:
        raise InvalidArgument(f"kind={kind!r} cannot be decoded; known are {sorted(_DECODERS)}. Read its bytes instead")
    unknown = set(options) - known
    if unknown:
        raise InvalidArgument(f"{min(unknown)!r} is no option for the kind {kind!r}; known are {sorted(known)}")
    if kind in (kinds.MODEL, kinds.OBJECT):
        options |= {"allow_pickle": allow_pickle, "trusted": trusted}
    return decoder(path, media_type, metadata, options)
