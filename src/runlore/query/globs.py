"""Experiments by name or by glob: `vision/*`, `vision/**`, `**/resnet?`, `nlp/[ab]*`.

`*` and `?` stay within one component of the path, `**` as a whole component is any number of components, `[ab]`,
`[a-z]` and `[!ab]` are one character. A special character means itself in brackets: `[*]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument, WrongType
from runlore.names import MAX_NAME_LENGTH
from runlore.query.fields import check_text
from runlore.query.regex import MAX_PATTERN_LENGTH, compile_pattern, quote
from runlore.stored_text import to_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_EXPERIMENTS = 1_000
"""Names and globs in one list."""

MAX_GLOBS = 100
"""Globs in one list."""

SPECIAL = frozenset("*?[")
"""What makes a name a glob."""


def split_experiments(experiment: str | Sequence[str]) -> tuple[list[str], list[str]]:
    """The names and the globs among the experiments that somebody asks for, each sorted, without repetitions.

    Raises:
        WrongType: neither text nor a list of texts.
        InvalidArgument: too many or too long, or not storable as text.

    Example:
        >>> split_experiments(["iris", "vision/*"])
        (['iris'], ['vision/*'])
    """
    given = [experiment] if isinstance(experiment, str) else experiment
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        raise WrongType(f"experiment={experiment!r} must be a name, a glob such as 'vision/*', or a list of those")
    if len(given) > MAX_EXPERIMENTS:
        raise InvalidArgument(f"experiment: {len(given):,} names; at most {MAX_EXPERIMENTS:,} are possible")
    for name in given:
        check_text(name)
        if len(name) > MAX_NAME_LENGTH:
            raise InvalidArgument(f"experiment={name[:40]!r}…: {len(name):,} characters; at most {MAX_NAME_LENGTH:,}")
    names = sorted({name for name in given if not SPECIAL & set(name)})
    globs = sorted({name for name in given if SPECIAL & set(name)})
    if len(globs) > MAX_GLOBS:
        raise InvalidArgument(f"experiment: {len(globs)} globs; at most {MAX_GLOBS} are possible")
    return names, globs


def experiment_matcher(experiment: str | Sequence[str] | None) -> Callable[[str], bool]:
    """Whether a name is among the experiments that somebody asks for: a name, a glob, or a list of both; None: all.

    Raises:
        WrongType, InvalidArgument: as of `split_experiments`; a glob is too long, or a range in it runs backwards.

    Example:
        >>> matcher = experiment_matcher(["iris", "vision/*"])
        >>> matcher("iris"), matcher("vision/cifar10"), matcher("vision")
        (True, True, False)
    """
    if experiment is None:
        return lambda _: True
    names, globs = split_experiments(experiment)
    known = frozenset(names)
    patterns = [compile_pattern(_bounded_regex(glob)) for glob in globs]
    return lambda name: name in known or any(pattern.search(to_stored(name)) for pattern in patterns)


def _bounded_regex(glob: str) -> str:
    regex = glob_to_regex(glob)
    if len(regex) > MAX_PATTERN_LENGTH:
        raise InvalidArgument(f"experiment={glob[:40]!r}… is too long for a glob")
    return regex


def literal_glob(name: str) -> str:
    """The name as a glob that matches it alone.

    Example:
        >>> literal_glob("a*b")
        'a[*]b'
    """
    return "".join(f"[{character}]" if character in SPECIAL else character for character in name)


def literal_prefix(glob: str) -> str:
    """What every match of a glob begins with, up to and with its last `/`."""
    special = min(index for index, character in enumerate(glob) if character in SPECIAL)
    return glob[: glob.rfind("/", 0, special) + 1]


def glob_to_regex(pattern: str) -> str:
    """The glob as a regular expression for a whole name.

    Raises:
        InvalidArgument: a range in brackets runs backwards.

    Example:
        >>> glob_to_regex("vision/*")
        '(?s)^vision/[^/]*$'
        >>> from runlore.query.regex import compile_pattern
        >>> bool(compile_pattern(glob_to_regex("vision/**")).search("vision/cifar10/resnet"))
        True
    """
    out, components = "", pattern.split("/")
    for index, component in enumerate(components):
        first, last = index == 0, index == len(components) - 1
        if component == "**":
            out += ".*" if first and last else "(?:/.*)?" if last else "(?:.*/)?"
            continue
        out += _component_to_regex(component)
        following_is_any = index == len(components) - 2 and components[-1] == "**"
        out += "" if last or following_is_any else "/"
    return f"(?s)^{out}$"


def _component_to_regex(component: str) -> str:
    out, index = "", 0
    while index < len(component):
        character = component[index]
        index += 1
        if character == "*":
            out += "" if out.endswith("[^/]*") else "[^/]*"
        elif character == "?":
            out += "[^/]"
        elif character == "[" and (end := component.find("]", index + 1 + (component[index : index + 1] == "!"))) > 0:
            out += _set_to_regex(component[index:end])
            index = end + 1
        else:
            out += quote(character)
    return out


def _set_to_regex(inside: str) -> str:
    negated, members = inside.startswith("!"), inside.removeprefix("!")
    parts, index = "", 0
    while index < len(members):
        if members[index + 1 : index + 2] == "-" and index + 2 < len(members):
            low, high = members[index], members[index + 2]
            if low > high:
                raise InvalidArgument(f"experiment: the range {low}-{high} in [{inside}] runs backwards")
            parts += f"{quote(low)}-{quote(high)}"
            index += 3
        else:
            parts += quote(members[index])
            index += 1
    return f"[^/{parts}]" if negated else f"[{parts}]"
