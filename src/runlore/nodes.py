"""Small frozen values, such as the nodes of a query's tree: like frozen dataclasses, but cheap to define.

A dataclass compiles its methods when its module loads, about a millisecond a class. That is worth it where thousands
are made, and not where a command makes three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar, dataclass_transform

    Kind = TypeVar("Kind")
else:

    def dataclass_transform(**_: bool) -> Callable[[Kind], Kind]:
        """What tells type checkers; Python 3.10 has none."""
        return lambda kind: kind


@dataclass_transform(frozen_default=True)
class Node:
    """A value with the fields that its class annotates, in this order. Equal and hashed by them; never changed.

    Example:
        >>> class Point(Node):
        ...     x: float
        ...     y: float = 0.0
        >>> Point(1.0), Point(1.0) == Point(x=1.0, y=0.0)
        (Point(x=1.0, y=0.0), True)
    """

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)

    def __init__(self, *values: Any, **named: Any) -> None:
        kind = type(self)
        fields = kind._fields
        if len(values) > len(fields):
            raise TypeError(f"{kind.__name__} takes {len(fields)} values, not {len(values)}")
        found = dict(zip(fields, values, strict=False))
        for name in fields[len(values) :]:
            if name in named:
                found[name] = named.pop(name)
            elif hasattr(kind, name):
                found[name] = getattr(kind, name)
            else:
                raise TypeError(f"{kind.__name__} needs {name!r}")
        if named:
            raise TypeError(f"{kind.__name__} has no {min(named)!r}, or it was given twice")
        self.__dict__.update(found)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be removed")

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__qualname__}({fields})"
