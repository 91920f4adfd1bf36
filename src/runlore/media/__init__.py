"""Media, models and objects as bytes and metadata, and back.

This package knows nothing of runs or stores: an encoder gives an `Encoded`, and `decode` takes what was stored.
Importing it is cheap: each name below is imported from its module when it is first used, and every library that
an encoder needs when the encoder is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlore.media.annotations import decode_masks
    from runlore.media.audio import encode_audio
    from runlore.media.confusion_matrix import ConfusionMatrix, encode_confusion_matrix
    from runlore.media.curve import Curve, encode_curve, encode_pr, encode_roc
    from runlore.media.data_reference import data_reference
    from runlore.media.decode import decode
    from runlore.media.document import encode_document
    from runlore.media.encoded import Encoded
    from runlore.media.figure import encode_figure
    from runlore.media.histogram import Histogram, encode_histogram
    from runlore.media.image import encode_image
    from runlore.media.model import encode_model
    from runlore.media.object_codec import decode_object, encode_object
    from runlore.media.onnx import encode_onnx
    from runlore.media.picture import Picture
    from runlore.media.signature import decode_example, infer_schema
    from runlore.media.table import encode_table
    from runlore.media.text import encode_html, encode_text
    from runlore.media.video import encode_video

_MODULES = {
    "ConfusionMatrix": "confusion_matrix",
    "Curve": "curve",
    "Encoded": "encoded",
    "Histogram": "histogram",
    "Picture": "picture",
    "data_reference": "data_reference",
    "decode": "decode",
    "decode_example": "signature",
    "decode_masks": "annotations",
    "decode_object": "object_codec",
    "encode_audio": "audio",
    "encode_confusion_matrix": "confusion_matrix",
    "encode_curve": "curve",
    "encode_figure": "figure",
    "encode_histogram": "histogram",
    "encode_html": "text",
    "encode_image": "image",
    "encode_model": "model",
    "encode_object": "object_codec",
    "encode_onnx": "onnx",
    "encode_pr": "curve",
    "encode_roc": "curve",
    "encode_table": "table",
    "encode_document": "document",
    "encode_text": "text",
    "encode_video": "video",
    "infer_schema": "signature",
}

__all__ = [
    "ConfusionMatrix",
    "Curve",
    "Encoded",
    "Histogram",
    "Picture",
    "data_reference",
    "decode",
    "decode_example",
    "decode_masks",
    "decode_object",
    "encode_audio",
    "encode_confusion_matrix",
    "encode_curve",
    "encode_document",
    "encode_figure",
    "encode_histogram",
    "encode_html",
    "encode_image",
    "encode_model",
    "encode_object",
    "encode_onnx",
    "encode_pr",
    "encode_roc",
    "encode_table",
    "encode_text",
    "encode_video",
    "infer_schema",
]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
