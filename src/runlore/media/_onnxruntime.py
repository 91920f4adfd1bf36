"""onnxruntime: running ONNX graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Mapping


def open_session(content: bytes) -> Any:
    """An `onnxruntime.InferenceSession` on one thread of the CPU.

    Raises:
        InvalidArgument: the bytes are no ONNX graph.
        MissingDependency: onnxruntime is not installed.
    """
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as native
    except ImportError as error:
        raise MissingDependency("onnxruntime", "onnx", "running an ONNX model") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (native.InvalidProtobuf, native.InvalidGraph, native.Fail, native.NotImplemented) as error:
        raise InvalidArgument(f"the model is no readable ONNX graph: {str(error)[:200]}") from error


def run(session: Any, feed: Mapping[str, Any]) -> list[Any]:
    """What the graph gives for inputs by name.

    Raises:
        InvalidArgument: it cannot be run with them.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as native

    failures = (native.InvalidArgument, native.Fail, native.RuntimeException, native.NotImplemented)
    try:
        outputs: list[Any] = session.run(None, dict(feed))
    except failures as error:
        raise InvalidArgument(f"the ONNX graph cannot be run with the example: {str(error)[:200]}") from error
    return outputs
