"""Models: each library's own safe format, and pickle only when it is asked for by name.

| model | format | comes back as |
| --- | --- | --- |
| scikit-learn estimator | `skops` | the estimator |
| `torch.nn.Module`, state dict | `safetensors` | the state dict, or the module given as `module=` |
| XGBoost Booster or scikit-learn wrapper | `ubj` (default), `json` | the same class |
| LightGBM Booster or scikit-learn wrapper | `text` | the same class |
| anything else | `pickle`, only with `format="pickle"` or `allow_pickle=True` | the object |

Types in a skops file that are not known to be harmless (`runlore.media.harmless`) must be named with `trusted=` when it
is loaded; that is said when the model is encoded, and the metadata lists them as `untrusted_types`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, UnsafeLoad, WrongType
from runlore.failures import is_of_signal_handler
from runlore.media import _lightgbm, _onnxruntime, _pickle, _skops, _torch, _xgboost
from runlore.media._arrays import type_name
from runlore.media._content import Content, Spool, read_content
from runlore.media.encoded import MODEL, Encoded
from runlore.media.onnx import MEDIA_TYPE as ONNX_MEDIA_TYPE
from runlore.media.onnx import encode_onnx
from runlore.media.signature import check_signature, encode_example, infer_schema
from runlore.notices import say_once

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SKOPS = "skops"
SAFETENSORS = "safetensors"
XGBOOST_UBJ = "ubj"
XGBOOST_JSON = "json"
LIGHTGBM_TEXT = "text"
PICKLE = "pickle"
ONNX = "onnx"

_STORED_AS = {
    SKOPS: ("application/x-skops", ".skops"),
    SAFETENSORS: ("application/x-safetensors", ".safetensors"),
    XGBOOST_UBJ: ("application/x-xgboost-ubj", ".ubj"),
    XGBOOST_JSON: ("application/x-xgboost-json", ".xgb.json"),
    LIGHTGBM_TEXT: ("text/x-lightgbm", ".lgb.txt"),
    PICKLE: ("application/x-pickle", ".pickle"),
    ONNX: (ONNX_MEDIA_TYPE, ".onnx"),
}
_FORMAT_OF = {media_type: name for name, (media_type, _) in _STORED_AS.items()}


def encode_model(
    model: Any,
    *,
    format: str | None = None,  # noqa: A002 - the word of the field
    allow_pickle: bool = False,
    signature: Mapping[str, Any] | None = None,
    example: Any = None,
) -> Encoded:
    """A model in a format that can be loaded without running code from the file; see the table of this module.

    Args:
        model: the model.
        format: one of the formats above. Default: the one for the model's library.
        allow_pickle: fall back to pickle when no other format fits.
        signature: `{"inputs": …, "outputs": …}`. Default: inferred from the example.
        example: an input that the model accepts: a DataFrame, an array, a tensor. Its first rows are stored, and what
            the model gives for them is described in the signature.

    Raises:
        UnsafeLoad: only a pickle could hold this model, and nobody asked for one.
        WrongType: the model does not fit the format.
        InvalidArgument: an unknown format, a model that was never fitted, an example that the model refuses.
        MissingDependency: skops or safetensors is not installed.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> encoded = encode_model(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), example=[[0.5]])
        >>> encoded.metadata["format"], encoded.metadata["signature"]["outputs"]["dtype"]
        ('skops', 'float64')
    """
    if format is not None and format not in _STORED_AS:
        raise InvalidArgument(f"format={format!r} must be one of {sorted(_STORED_AS)}")
    if format == ONNX:
        if example is None:
            raise InvalidArgument("format='onnx' needs example=: some rows that the model accepts")
        return encode_onnx(model, example)
    described = {"signature": check_signature(signature)} if signature is not None else {}
    if example is not None:
        described = {**_describe(model, example), **described}
    chosen = format or natural_format(model)
    if chosen is None and not allow_pickle:
        raise UnsafeLoad(
            f"model is a {type_name(model)}, which only a pickle could hold, and a pickle runs code when it is loaded. "
            'Nothing was stored. Pass format="pickle" if that is what you want, or log the file that the library '
            "itself writes with log_artifact"
        )
    try:
        return _encode(model, chosen or PICKLE, described)
    except WrongType:
        if not allow_pickle or format is not None or chosen is None:
            raise
        return _encode(model, PICKLE, described)


def _encode(model: Any, format: str, described: dict[str, Any]) -> Encoded:  # noqa: A002
    media_type, suffix = _STORED_AS[format]
    out, extra = _dump(model, format, suffix)
    metadata = {"format": format, **_origin(model), **extra, **described}
    return Encoded(**out.content, media_type=media_type, suffix=suffix, kind=MODEL, metadata=metadata)


def natural_format(model: Any) -> str | None:
    """The format for the model's library; None for what is no model of a library known here."""
    if _xgboost.is_model(model):
        return XGBOOST_UBJ
    if _lightgbm.is_model(model):
        return LIGHTGBM_TEXT
    if _torch.is_module(model) or _torch.is_state(model):
        return SAFETENSORS
    return SKOPS if _skops.is_estimator(model) else None


def _dump(model: Any, format: str, suffix: str) -> tuple[Spool, dict[str, Any]]:  # noqa: A002
    extra: dict[str, Any] = {}
    with Spool(suffix) as out:
        if format == PICKLE:
            _pickle.dump(model, out, "model")
        elif format == SKOPS:
            _skops.dump(model, out)
            out.close()
            extra = _audited(model, out)
        elif format == SAFETENSORS and (_torch.is_module(model) or _torch.is_state(model)):
            state = _torch.module_state(model) if _torch.is_module(model) else dict(model)
            extra = {"tensors": len(state), "values": sum(int(tensor.numel()) for tensor in state.values())}
            _torch.dump_state(state, out)
        elif format in (XGBOOST_UBJ, XGBOOST_JSON) and _xgboost.is_model(model):
            raw, extra = _xgboost.dump(model, format)
            out.write(raw)
        elif format == LIGHTGBM_TEXT and _lightgbm.is_model(model):
            raw, extra = _lightgbm.dump(model)
            out.write(raw)
        else:
            raise WrongType(
                f"model is a {type(model).__name__}, which the format {format!r} cannot hold; leave out format="
            )
    return out, extra


def _audited(model: Any, out: Spool) -> dict[str, Any]:
    """Which types whoever loads the model has to trust; said, where there are any."""
    unknown = _skops.untrusted_types(out.data if out.data is not None else str(out.path), model)
    if unknown:
        say_once(
            f"the model {type(model).__name__} is stored; it has types that are not known to be harmless. To load it, "
            f"trust them: load(trusted={unknown}), or load(trusted=True) for all that the file names"
        )
    return {"untrusted_types": unknown}


def _origin(model: Any) -> dict[str, Any]:
    import sys

    library = type(model).__module__.partition(".")[0]
    version = getattr(sys.modules.get(library), "__version__", None)
    origin = {"class": type_name(model)}
    return {**origin, "library": library, "library_version": str(version)} if version else origin


def _describe(model: Any, example: Any) -> dict[str, Any]:
    """Signature from the example, and its first rows."""
    signature: dict[str, Any] = {"inputs": infer_schema(example)}
    predict = getattr(model, "predict", None)
    try:
        if _torch.is_module(model):
            signature["outputs"] = infer_schema(_torch.forward(model, example))
        elif callable(predict) and not (_xgboost.is_model(model) and not hasattr(model, "get_params")):
            signature["outputs"] = infer_schema(predict(example))
    except Exception as error:  # the model is the user's, and may raise anything: it is said, not hidden
        if is_of_signal_handler(error):
            raise
        raise InvalidArgument(
            f"the model does not accept this example: {type(error).__name__}: {error}. Nothing was stored; "
            "pass an example that it accepts, or none"
        ) from error
    stored = encode_example(example)
    return {"signature": signature} if stored is None else {"signature": signature, "example": stored}


def is_model_type(media_type: str) -> bool:
    """Whether `decode_model` reads this media type; a file that was logged as a model may have any.

    Example:
        >>> is_model_type("application/x-skops"), is_model_type("application/octet-stream")
        (True, False)
    """
    return media_type in _FORMAT_OF


def decode_model(
    content: Content,
    media_type: str,
    metadata: Mapping[str, Any],
    *,
    allow_pickle: bool = False,
    trusted: Iterable[str] | bool = (),
    module: Any = None,
    max_bytes: int | None = None,
) -> Any:
    """A stored model as an object. See `encode_model` for what comes back.

    Only the media type decides how the bytes are read; a pickle under another media type is not unpickled.

    Args:
        content: the stored bytes or their path.
        media_type: as it was stored.
        metadata: as it was stored.
        allow_pickle: unpickle a model that was stored as a pickle. Only for models whose origin you trust.
        trusted: names of types in a skops file that you trust, beyond those that are known to be harmless (see
            `runlore.media.harmless`). True: all that the file names, which may run code, as a pickle does.
        module: a `torch.nn.Module` to load the weights into; it is returned.
        max_bytes: how large a skops file may be once expanded. Default: the larger of 1 GiB and 100 times its size.

    Raises:
        UnsafeLoad: a pickle without `allow_pickle`, or types in a skops file that are not trusted.
        InvalidArgument: damaged, of an unknown media type, too large, or weights that do not fit the module.
        MissingDependency: the library is not installed.
    """
    chosen = _FORMAT_OF.get(media_type)
    if chosen is None:
        raise InvalidArgument(f"media_type={media_type!r} is no model's; known are {sorted(_FORMAT_OF)}")
    if module is not None and chosen != SAFETENSORS:
        raise InvalidArgument(f"module= is for PyTorch weights; this model is stored as {chosen}")
    if chosen == ONNX:
        return _onnxruntime.open_session(read_content(content, "the model"))
    if chosen == PICKLE:
        return _pickle.load(content, "the model", allow_pickle=allow_pickle)
    if chosen == SKOPS:
        return _skops.load(content, trusted=trusted, max_bytes=max_bytes)
    if chosen == SAFETENSORS:
        state = _torch.load_state(content)
        return state if module is None else _torch.load_into(module, state)
    if chosen == LIGHTGBM_TEXT:
        return _lightgbm.load(content, metadata)
    return _xgboost.load(content, dict(metadata))
