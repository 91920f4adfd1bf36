"""What could stand at a place of a query that is being typed.

The text before the place is looked at word by word; what follows it is left as it is. Nothing is refused: where the
text makes no sense, fields are offered, as at its beginning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from runlore.query.fields import ATTRIBUTES, BEST, FUNCTIONS, PREFIXES, Kind
from runlore.query.hints import KINDS, STATUSES, similar, spell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from runlore.query.hints import Vocabulary

MAX_OPTIONS = 200

_TOKEN = re.compile(
    r"""(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<operator><=|>=|!=|==|[=<>~])|(?P<bracket>[(),])"""
    r"""|(?P<word>(?:`(?:[^`]|``)*`?|[^\s()`"',=<>!&|])+)|(?P<other>\S)""",
    re.DOTALL,
)
_JOINS = ("and", "or", "and not")
_TEXT_OPERATORS = ("contains", "like", "ilike", "matches")
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_VALUE_WORDS = frozenset({*_TEXT_OPERATORS, "in", "between"})


class Option(NamedTuple):
    """One thing that could stand there.

    Attributes:
        text: as it is written.
        kind: `field`, `key`, `operator`, `value`, `function` or `keyword`.
        detail: what it is, in a few words.
    """

    text: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Completion:
    """What is offered for the part of the text from `start` to `end`.

    Attributes:
        start, end: character offsets; what is chosen replaces what stands between them.
        options: the likeliest first.
    """

    start: int
    end: int
    options: tuple[Option, ...]


def complete(text: str, position: int, words: Vocabulary) -> Completion:
    """What could stand at a position of a query.

    Args:
        text: the query so far.
        position: where the cursor stands: a character offset.
        words: what the store has.

    Example:
        >>> class Words:
        ...     def keys(self, kind): return {"metrics": ["loss", "train/loss"]}.get(kind, [])
        ...     def experiments(self): return []
        ...     def statuses(self): return ["running"]
        >>> [option.text for option in complete("metrics.lo", 10, Words()).options]
        ['metrics.loss', 'metrics.train/loss']
        >>> [option.text for option in complete("status = ru", 11, Words()).options]
        ['running']
    """
    before = text[: max(0, min(position, len(text)))]
    tokens = list(_TOKEN.finditer(before))
    typed = tokens[-1] if tokens and tokens[-1].end() == len(before) and tokens[-1].lastgroup == "word" else None
    done = [found.group() for found in (tokens[:-1] if typed is not None else tokens)]
    word = typed.group() if typed is not None else ""
    offered = _matching(word, _offered(done, word, words))
    return Completion(len(before) - len(word), len(before), tuple(offered[:MAX_OPTIONS]))


def _offered(done: list[str], word: str, words: Vocabulary) -> list[Option]:
    """Everything that could come after the words that are done."""
    last = done[-1].lower() if done else ""
    if last in _COMPARISONS or last in ("==", "~") or last in _VALUE_WORDS:
        return _values(_field_before(done), words)
    if last in ("(", ",") and _inside_in(done):
        return _values(_field_before(done), words)
    if last == "is":
        return [Option(text, "operator", "") for text in ("null", "not null")]
    if not done or last in ("and", "or", "not", "(", ","):
        return _fields(word, words)
    if _is_field(done) or last == ")":
        closes_a_function = last == ")" and _is_function(done)
        return _operators() if closes_a_function or last != ")" else _joins()
    return _joins()


def _fields(word: str, words: Vocabulary) -> list[Option]:
    prefix, dot, _ = word.partition(".")
    kind = PREFIXES.get(prefix.lower()) if dot else None
    if kind in ("metric", "param", "tag"):
        return [Option(spell(f"{kind}s", key), "key", kind) for key in words.keys(f"{kind}s")]
    attributes = [Option(name, "field", about.kind.value) for name, about in ATTRIBUTES.items()]
    prefixes = [Option(f"{name}.", "field", f"a {name[:-1]} by its key") for name in KINDS]
    functions = [Option(f"{name}(", "function", "of a metric") for name in (*dict.fromkeys(FUNCTIONS), BEST, "at")]
    keys = [Option(spell(name, key), "key", name[:-1]) for name in KINDS for key in words.keys(name)] if word else []
    return [*attributes, *prefixes, *functions, Option("not ", "keyword", "what follows does not hold"), *keys]


def _values(field: str, words: Vocabulary) -> list[Option]:
    name = field.lower()
    if name == "status":
        return [Option(status, "value", "status") for status in dict.fromkeys((*words.statuses(), *STATUSES))]
    if name == "experiment":
        return [Option(_quoted(path), "value", "experiment") for path in words.experiments()]
    about = ATTRIBUTES.get(name)
    if about is not None and about.kind is Kind.FLAG:
        return [Option(text, "value", "") for text in ("true", "false")]
    if about is not None and about.kind is Kind.TIME:
        return [Option(text, "value", "a time") for text in ("today", "yesterday", "'-1h'", "'-24h'", "'-7d'")]
    return []


def _operators() -> list[Option]:
    more = ("in (", "not in (", "between ", "is null", "is not null")
    return [
        *(Option(text, "operator", "") for text in _COMPARISONS),
        *(Option(f"{text} ", "operator", "of texts") for text in _TEXT_OPERATORS),
        *(Option(text, "operator", "") for text in more),
    ]


def _joins() -> list[Option]:
    return [Option(f"{text} ", "keyword", "") for text in _JOINS]


def _matching(word: str, options: Iterable[Option]) -> list[Option]:
    """Those that begin like the word, then those that contain it, then those spelled like it."""
    known = list(options)
    folded = word.casefold()
    if not folded:
        return known
    begins = [option for option in known if option.text.casefold().startswith(folded)]
    key = folded.partition(".")[2] or folded
    holds = [option for option in known if option not in begins and key in option.text.casefold()]
    if begins or holds:
        return [*begins, *holds]
    by_text = {option.text: option for option in known}
    return [by_text[text] for text in similar(word, by_text, 10)]


def _field_before(done: list[str]) -> str:
    """The field with which a value is compared."""
    for place in range(len(done) - 1, -1, -1):
        word = done[place]
        if word.lower() not in _VALUE_WORDS and word not in ("(", ",", "not", "~", "==", *_COMPARISONS):
            follows = done[place + 1].lower() if place + 1 < len(done) else ""
            if follows in (*_COMPARISONS, "==", "~", "not") or follows in _VALUE_WORDS:
                return word
    return ""


def _inside_in(done: list[str]) -> bool:
    """Whether the brackets that are open are those of a list of values."""
    depth = 0
    for place in range(len(done) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(done[place], 0)
        if depth < 0:
            return place > 0 and done[place - 1].lower() == "in"
    return False


def _is_field(done: list[str]) -> bool:
    """Whether the last word stands where a field does."""
    before: Collection[str] = ("and", "or", "not", "(")
    return len(done) == 1 or done[-2].lower() in before


def _is_function(done: list[str]) -> bool:
    """Whether the brackets that were closed last are those of a function."""
    depth = 0
    for place in range(len(done) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(done[place], 0)
        if depth == 0:
            return place > 0 and done[place - 1].lower() in {*FUNCTIONS, BEST, "at"}
    return False


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w./-]+", text) else "'" + text.replace("'", "''") + "'"
