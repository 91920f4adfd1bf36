"""PyTorch tensors and weights, the latter as safetensors. `torch.load`, which unpickles, is never called."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidArgument, MissingDependency, WrongType
from runlore.media._content import MEMORY_LIMIT_BYTES, Content, Spool
from runlore.media._libraries import is_tensor

if TYPE_CHECKING:
    import numpy.typing as npt


def is_module(value: Any) -> bool:
    """Whether this is a `torch.nn.Module`. Imports nothing."""
    module = sys.modules.get("torch.nn")
    return module is not None and isinstance(value, module.Module)


def is_state(value: Any) -> bool:
    """Whether this is a state dict: a mapping of names to tensors. Imports nothing."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(key, str) and is_tensor(item) for key, item in value.items())
    )


def tensor_to_array(tensor: Any) -> npt.NDArray[Any]:
    """A tensor as an array: detached, dense, on the CPU; bfloat16 and other types that NumPy lacks as float32."""
    dense = tensor.detach().cpu()
    if dense.layout is not sys.modules["torch"].strided:
        dense = dense.to_dense()
    dense = dense.resolve_conj().resolve_neg()
    try:
        array: npt.NDArray[Any] = dense.numpy()
    except TypeError:
        array = dense.float().numpy()
    return array


def tensor_bytes(tensor: Any) -> npt.NDArray[Any]:
    """The exact bytes of a tensor's values in C order, as uint8, whatever its type."""
    torch = sys.modules["torch"]
    dense = tensor.detach().cpu()
    if dense.layout is not torch.strided:
        dense = dense.to_dense()
    flat: npt.NDArray[Any] = dense.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy()
    return flat


def module_state(module: Any) -> dict[str, Any]:
    """The state dict of a module.

    Raises:
        WrongType: it keeps something else than tensors in it.
    """
    state = module.state_dict()
    strange = [name for name, value in state.items() if not is_tensor(value)]
    if strange:
        raise WrongType(
            f"the state of {type(module).__name__} has entries that are not tensors: {strange[:5]}; "
            "store them apart, or pass allow_pickle=True"
        )
    return dict(state)


def dump_state(state: dict[str, Any], out: Spool) -> None:
    """Write named tensors as safetensors. Tensors that share memory are written once each.

    Raises:
        MissingDependency: safetensors is not installed.
        WrongType: a tensor of a kind that safetensors lacks (sparse, quantized, complex on old versions).
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import save
    except ImportError as error:
        raise MissingDependency("safetensors", "models", "storing PyTorch weights") from error
    apart = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    seen: set[int] = set()
    for name, tensor in apart.items():
        address = tensor.untyped_storage().data_ptr()
        if address in seen:
            apart[name] = tensor.clone()
        seen.add(address)
    try:
        raw = memoryview(save(apart))
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise WrongType(f"these tensors cannot be stored as safetensors: {error}") from error
    for start in range(0, len(raw), MEMORY_LIMIT_BYTES):
        out.write(raw[start : start + MEMORY_LIMIT_BYTES])


def load_state(content: Content) -> dict[str, Any]:
    """Named tensors, on the CPU.

    Raises:
        InvalidArgument: no safetensors file.
        MissingDependency: torch or safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load, load_file
    except ImportError as error:
        raise MissingDependency("safetensors and torch", "models", "loading PyTorch weights") from error
    try:
        if isinstance(content, bytes):
            return dict(load(content))
        return dict(load_file(content))
    except (SafetensorError, ValueError, KeyError) as error:
        raise InvalidArgument(f"the weights are not a readable safetensors file: {error}") from error


def load_into(module: Any, state: dict[str, Any]) -> Any:
    """The module, with these weights.

    Raises:
        InvalidArgument: names or shapes do not fit the module.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise InvalidArgument(f"the weights do not fit {type(module).__name__}: {error}") from error
    return module


def forward(module: Any, example: Any) -> Any:
    """What the module gives for the example: without gradients, in evaluation mode, its modes restored afterwards."""
    torch = sys.modules["torch"]
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            return module(example)
    finally:
        for part, mode in modes.items():
            part.training = mode
