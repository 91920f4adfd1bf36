"""onnxruntime: running ONNX graphs."""

from __future__ import annotations

from typing import Any

from runlore.errors import InvalidArgument, MissingDependency


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
