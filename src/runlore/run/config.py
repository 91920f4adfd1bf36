"""The params of a run as a configuration: nested, by attribute and by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from runlore.journal.plain import entries_of


class _Recording(Protocol):
    params: dict[str, Any]

    def log_params(self, params: Any) -> None: ...

    def unset_params(self, *keys: str) -> None: ...


class Config(MutableMapping[str, Any]):
    """What a run's params are, below a prefix. A level of nesting is a `Config` too; it holds nothing by itself.

    Keys that are no names of attributes, or names of its own such as `keys`, are reached by `config["…"]`; `/` goes
    down: `config["model/depth"]`. Setting records the value at once, and raises what `log_params` raises.
    """

    __slots__ = ("_prefix", "_run")

    def __init__(self, run: Any, prefix: str = "") -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_prefix", prefix)

    _run: _Recording
    _prefix: str

    def __getitem__(self, key: str) -> Any:
        path = f"{self._prefix}{key}"
        params = self._run.params
        if path in params:
            return params[path]
        if any(known.startswith(f"{path}/") for known in params):
            return Config(self._run, f"{path}/")
        raise KeyError(f"no param {path!r}; there are {', '.join(sorted(self._run.params)) or 'none'}"[:500])

    def __setitem__(self, key: str, value: Any) -> None:
        self._run.log_params({f"{self._prefix}{key}": value})

    def __delitem__(self, key: str) -> None:
        """Let a param, or all below a level, count no longer; see `Run.unset_params`."""
        path = f"{self._prefix}{key}"
        gone = [known for known in self._run.params if known == path or known.startswith(f"{path}/")]
        if not gone:
            raise KeyError(f"no param {path!r}")
        self._run.unset_params(*gone)

    def __iter__(self) -> Iterator[str]:
        names = (key[len(self._prefix) :] for key in self._run.params if key.startswith(self._prefix))
        return iter(dict.fromkeys(name.partition("/")[0] for name in names))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def update(self, values: Any = (), /, **more: Any) -> None:
        """Record several: a mapping, or settings of any kind that `log_params` takes. All of them, or none."""
        pairs = values if isinstance(values, Mapping) or entries_of(values) is not None else dict(values)
        self._run.log_params({self._prefix.rstrip("/"): pairs} if self._prefix else pairs)
        if more:
            self.update(more)

    def to_dict(self) -> dict[str, Any]:
        """As nested plain dicts, for programs that want one."""
        return {key: value.to_dict() if isinstance(value, Config) else value for key, value in self.items()}

    def __repr__(self) -> str:
        return f"Config({self.to_dict()!r})"
