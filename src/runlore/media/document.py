"""Settings and other plain values as a JSON document."""

from __future__ import annotations

import json
from typing import Any

from runlore.errors import InvalidArgument
from runlore.journal.plain import plain
from runlore.media._content import MAX_JSON_BYTES, Content, read_content
from runlore.media.encoded import DOCUMENT, Encoded
from runlore.plain import load_json

JSON_MEDIA_TYPE = "application/json"


def encode_document(values: Any) -> Encoded:
    r"""Plain values, nested as they are, as JSON that people can read. NaN and infinities are written as Python does.

    Args:
        values: anything that a param may be, at most 64 levels deep; settings of any kind are mappings.

    Raises:
        WrongType, InvalidArgument: something in it has no form in JSON, or it is larger than what is read again.

    Example:
        >>> encode_document({"lr": 0.1}).data
        b'{\n  "lr": 0.1\n}\n'
    """
    text = json.dumps(plain(values, "values"), indent=2, ensure_ascii=False)
    data = f"{text}\n".encode("utf-8", "surrogatepass")
    if len(data) > MAX_JSON_BYTES:
        raise InvalidArgument(f"values take {len(data):,} bytes as JSON; at most {MAX_JSON_BYTES:,} can be read again")
    return Encoded(data=data, media_type=JSON_MEDIA_TYPE, suffix=".json", kind=DOCUMENT, metadata={})


def decode_document(content: Content) -> Any:
    """What `encode_document` was given, as plain values.

    Raises:
        InvalidArgument: it is no JSON, too large, or nested too deep.
    """
    raw = read_content(content, "the document", max_bytes=MAX_JSON_BYTES)
    try:
        return load_json(raw.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"the document is not JSON ({error}); it was stored damaged") from error
