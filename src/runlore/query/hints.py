"""What a query names and a store does not have, and what was probably meant.

A key, an experiment or a status that is not there is no error: a run may bring it later. But an answer that is empty
for a slip of the pen looks like any other, so it is said. Where a word is no field at all, the error names fields of
the store first: by `loss < 0.1` the metric `loss` is meant, and not the attribute `lost`.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Protocol

from runlore import model
from runlore.errors import InvalidArgument, QuerySyntaxError
from runlore.query.expression import (
    And,
    Attribute,
    Compare,
    Condition,
    Expression,
    Field,
    In,
    Metric,
    MetricAt,
    MetricBest,
    Not,
    Or,
    OrderKey,
    Param,
    Tag,
)
from runlore.query.fields import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

KINDS = ("metrics", "params", "tags")
STATUSES = (model.RUNNING, model.SUCCEEDED, model.FAILED, model.STOPPED, model.CRASHED)
"""Statuses that Runlore itself gives. A run may log any other."""

_ELSEWHERE = {
    model.RUNNING: ("active", "alive", "in_progress", "inprogress", "live", "started", "unfinished"),
    model.SUCCEEDED: ("complete", "completed", "done", "finished", "ok", "passed", "success", "successful"),
    model.FAILED: ("error", "errored", "exception", "fail", "failure", "upstream_failed"),
    model.STOPPED: ("aborted", "canceled", "cancelled", "interrupted", "killed", "preempted", "terminated"),
    model.CRASHED: ("crash", "dead", "died", "zombie"),
}
"""What other trackers call them."""
_OURS = {word: ours for ours, words in _ELSEWHERE.items() for word in words} | {word: word for word in STATUSES}

_MOST = 20_000
"""Names that are compared with a mistyped one."""
_PLAIN_KEY = re.compile(r"[^\s()`\"',=<>!&|]*[^\s()`\"',=<>!&|:]").fullmatch


class Vocabulary(Protocol):
    """What there is in a store."""

    def keys(self, kind: str) -> Collection[str]:
        """Keys of `metrics`, `params` or `tags`."""

    def experiments(self) -> Collection[str]:
        """Names of experiments."""

    def statuses(self) -> Collection[str]:
        """Statuses that runs have."""


def explain(error: QuerySyntaxError, words: Vocabulary) -> QuerySyntaxError:
    """The error, with what the store has instead of a word that names no field."""
    if not error.word:
        return error
    meant = _fields_like(error.word, words)
    if not meant:
        return error
    message = f"there is no attribute {error.word[:60]!r}; did you mean {_either(meant)}?"
    return QuerySyntaxError(
        message, query=error.query, column=error.column, expected=error.expected, word=error.word
    )  # fmt: skip


def check_statuses(tree: Expression, words: Vocabulary) -> None:
    """Refuse a status that is written as other trackers write it, and that no run has.

    Raises:
        InvalidArgument: it is one; the message names Runlore's word for it.
    """
    for status in _statuses(tree):
        ours = _ours(status)
        if ours is not None and ours != status and status not in words.statuses():
            raise InvalidArgument(
                f"status = {status[:60]!r}: no run has this status; it is called {ours!r} here. "
                f"Statuses are {', '.join(STATUSES)}, and what runs logged"
            )


def missing_names(
    tree: Expression, order: Sequence[OrderKey], experiment: str | Sequence[str] | None, words: Vocabulary, *,
    found: bool,
) -> list[str]:  # fmt: skip
    """What to say of names that the store does not have.

    Args:
        tree: the query.
        order: its order.
        experiment: names and globs of experiments, if any were asked for.
        words: what the store has.
        found: whether any run was found; where one was, only the order can be in vain.
    """
    said: list[str] = []
    if not found:
        patterns = [experiment] if isinstance(experiment, str) else experiment or ()
        said += [text for pattern in patterns if (text := missing_experiment(pattern, words.experiments()))]
        said += [text for condition in conditions(tree) if (text := _missing_value(condition, words))]
    fields = [*(() if found else (item.field for item in conditions(tree))), *(key.field for key in order)]
    said += [text for field in fields if (text := _missing_key(field, words))]
    return list(dict.fromkeys(said))


def missing_experiment(pattern: str, known: Collection[str]) -> str | None:
    """What to say of a name or glob that finds no experiment; None where it finds one.

    Example:
        >>> missing_experiment("digits/nlp", ["digits/mlp", "iris"])
        "no experiment is called 'digits/nlp'; did you mean 'digits/mlp'?"
        >>> missing_experiment("vision", ["vision/a", "vision/b"])
        "no experiment is called 'vision'; 'vision/**' finds 2 below it"
    """
    from runlore.query.globs import SPECIAL, glob_to_regex
    from runlore.query.regex import compile_pattern

    is_glob = bool(SPECIAL & set(pattern))
    if pattern in known or (is_glob and any(map(compile_pattern(glob_to_regex(pattern)).search, known))):
        return None
    text = f"no experiment {'matches' if is_glob else 'is called'} {pattern[:100]!r}"
    name = pattern.rstrip("/")
    below = 0 if is_glob else sum(other.startswith(f"{name}/") for other in known)
    if below:
        return f"{text}; '{name}/**' finds {below:,} below it"
    close = _globs_like(pattern, known) if is_glob else similar(name, known)
    return f"{text}; did you mean {_either(map(repr, close))}?" if close else text


def similar(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Names like a word, the likeliest first: the same but for case, its last component, then those spelled alike.

    Example:
        >>> similar("los", ["lr", "train/loss", "LOS", "lost"])
        ['LOS', 'lost', 'train/loss']
    """
    names = sorted(set(known))[:_MOST]
    folded = word[:200].casefold()
    likeness: dict[str, float] = {}
    for shortened in (str.casefold, _last_component):
        by_form: dict[str, list[str]] = {}
        for name in names:
            by_form.setdefault(shortened(name), []).append(name)
        for form in difflib.get_close_matches(folded, by_form, count):
            ratio = difflib.SequenceMatcher(None, form, folded).ratio()
            likeness |= {name: max(ratio, likeness.get(name, 0)) for name in by_form[form]}
    return sorted(likeness, key=lambda name: (-likeness[name], len(name), name))[:count]


def _last_component(name: str) -> str:
    return name.casefold().rpartition("/")[2]


def spell(kind: str, key: str) -> str:
    """A field as a query writes it.

    Example:
        >>> spell("metrics", "train/loss"), spell("params", "a b")
        ('metrics.train/loss', 'params.`a b`')
    """
    return f"{kind}.{key}" if _PLAIN_KEY(key) else f"{kind}.`{key.replace('`', '``')}`"


def conditions(tree: Expression) -> Iterator[Condition]:
    """The conditions of a query, from left to right."""
    pending: list[Expression] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Not):
            pending.append(node.operand)
        elif isinstance(node, (And, Or)):
            pending.extend(reversed(node.operands))
        else:
            yield node


def key_of(field: Field) -> tuple[str, str] | None:
    """What kind of key a field has, and the key; None for what every run has."""
    if isinstance(field, (Metric, MetricAt, MetricBest)):
        return "metrics", field.key
    if isinstance(field, (Param, Tag)):
        return ("params" if isinstance(field, Param) else "tags"), field.key
    return None


def _fields_like(word: str, words: Vocabulary) -> list[str]:
    """Fields that the word may stand for: keys of this name, or keys and then attributes like it."""
    known = {kind: words.keys(kind) for kind in KINDS}
    exact = [spell(kind, word) for kind in KINDS if word in known[kind]]
    if exact:
        return exact
    fields = {key: spell(kind, key) for kind in reversed(KINDS) for key in known[kind]}
    meant = [fields[key] for key in similar(word, fields)]
    return [*meant, *map(repr, similar(word, ATTRIBUTES, 1))][:3]


def _missing_key(field: Field, words: Vocabulary) -> str | None:
    named = key_of(field)
    if named is None or named[1] in words.keys(named[0]):
        return None
    kind, key = named
    others = [spell(other, key) for other in KINDS if key in words.keys(other)]
    meant = others or [spell(kind, name) for name in similar(key, words.keys(kind))]
    hint = f"; did you mean {_either(meant)}?" if meant else ""
    return f"no run has {spell(kind, key[:200])}{hint}"


def _missing_value(condition: Condition, words: Vocabulary) -> str | None:
    """What to say of an experiment or a status that a condition compares with and that no run has."""
    values = _values(condition)
    if condition.field == Attribute("experiment"):
        said = [missing_experiment(value, words.experiments()) for value in values]
        return next((text for text in said if text), None)
    unknown = [value for value in values if value not in STATUSES and value not in words.statuses()]
    if condition.field != Attribute("status") or not unknown:
        return None
    return f"no run has the status {unknown[0][:60]!r}; statuses are {', '.join(STATUSES)}, and what runs logged"


def _values(condition: Condition) -> list[str]:
    """Texts that a condition wants a field to equal."""
    if isinstance(condition, Compare):
        values: Sequence[object] = [condition.value] if condition.operator == "=" else ()
    else:
        values = condition.values if isinstance(condition, In) else ()
    return [value for value in values if isinstance(value, str)]


def _statuses(tree: Expression) -> Iterator[str]:
    for condition in conditions(tree):
        if condition.field == Attribute("status"):
            written = condition.value if isinstance(condition, Compare) else None
            yield from [written] if isinstance(written, str) else _values(condition)


def _ours(status: str) -> str | None:
    """Runlore's word for a status: for one of another tracker, in other case, or mistyped."""
    word = status[:100].strip().casefold().replace(" ", "_").replace("-", "_")
    if word in _OURS:
        return _OURS[word]
    close = difflib.get_close_matches(word, STATUSES, 1, cutoff=0.8)
    return close[0] if close else None


def _globs_like(pattern: str, known: Iterable[str]) -> list[str]:
    """The glob with its plain beginning spelled as that of an experiment."""
    from runlore.query.globs import SPECIAL

    parts = pattern.split("/")
    plain = next((index for index, part in enumerate(parts) if SPECIAL & set(part)), len(parts))
    if not plain:
        return []
    prefixes = {"/".join(name.split("/")[:plain]) for name in known if name.count("/") >= plain - 1}
    return ["/".join([prefix, *parts[plain:]]) for prefix in similar("/".join(parts[:plain]), prefixes)]


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)
