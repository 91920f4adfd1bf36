"""The public surface of Runlore as text: every name of `runlore.__all__`, its kind and its signature.

`python scripts/public_api.py` prints it; with `--write` it replaces `tests/assets/public_api.txt`, which
`tests/test_public_api.py` compares with the code. A change of that file is a change of what users may rely on.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import runlore

if TYPE_CHECKING:
    from collections.abc import Iterator

PINNED = Path(__file__).parents[1] / "tests" / "assets" / "public_api.txt"


def describe_api() -> str:
    """The whole surface, one line a name, classes with their public members below them."""
    lines = [line for name in sorted(runlore.__all__) for line in _describe(name, getattr(runlore, name))]
    return "\n".join(lines) + "\n"


def undocumented() -> list[str]:
    """Public names without a docstring of their own."""
    found = []
    for name in sorted(runlore.__all__):
        value = getattr(runlore, name)
        if inspect.isclass(value):
            found += [f"{name}.{member}" for member, item in _members(value) if not inspect.getdoc(_inner(item))]
        if (inspect.isclass(value) or callable(value)) and not (getattr(value, "__doc__", None) or "").strip():
            found.append(name)
    return found


def _describe(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})" if bases else f"class {name}"
        for member, item in _members(value):
            yield f"    {_describe_member(member, item)}"
    elif inspect.ismodule(value):
        yield f"module {name}"
    elif callable(value):
        yield f"def {name}{_signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def _describe_member(name: str, item: Any) -> str:
    if isinstance(item, property):
        return f"property {name}{_returns(item.fget)}"
    if isinstance(item, staticmethod):
        return f"static {name}{_signature(item.__func__)}"
    if isinstance(item, classmethod):
        return f"class {name}{_signature(item.__func__)}"
    if callable(item):
        return f"def {name}{_signature(item)}"
    return f"attribute {name}"


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public members that Runlore defines, its own and inherited ones, in order of name."""
    found: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        if owner.__module__.partition(".")[0] == "runlore":
            found |= {name: item for name, item in vars(owner).items() if _is_public(name)}
    yield from sorted(found.items())


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in {"__call__", "__getitem__", "__iter__", "__len__", "__contains__"}


def _inner(item: Any) -> Any:
    return item.__func__ if isinstance(item, (staticmethod, classmethod)) else item


def _returns(getter: Any) -> str:
    annotation = inspect.signature(getter).return_annotation
    return "" if annotation is inspect.Signature.empty else f" -> {annotation}"


class _Written:
    """An annotation, shown as it is written in the source."""

    def __init__(self, annotation: Any) -> None:
        self.text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)

    def __repr__(self) -> str:
        return self.text


def _signature(function: Any) -> str:
    """As it is written; where a default lies in memory is left out."""
    signature = inspect.signature(function)
    empty = inspect.Signature.empty
    parameters = [
        parameter if parameter.annotation is empty else parameter.replace(annotation=_Written(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    returns = signature.return_annotation
    written = signature.replace(
        parameters=parameters, return_annotation=empty if returns is empty else _Written(returns)
    )
    return re.sub(r" at 0x[0-9a-f]+", "", str(written))


def main() -> None:
    text = describe_api()
    if "--write" in sys.argv[1:]:
        PINNED.write_text(text, encoding="utf-8")
        print(f"wrote {PINNED}")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
