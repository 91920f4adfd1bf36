"""What may be given as the name of a project or an experiment, as tags, and as other texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runlore.dialects._native import to_json
from runlore.errors import InvalidArgument, InvalidName, WrongType
from runlore.names import check_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Tagging: TypeAlias = "str | Iterable[str] | None"

DEFAULT_PROJECT = "default"
"""Where experiments go that name no project."""

RESERVED = "polyaxon."
"""How tags begin that hold what Polyaxon has fields for."""

BACKEND, FRAMEWORK, BUILD, KIND = (f"{RESERVED}{field}" for field in ("backend", "framework", "build", "kind"))

_SLUG = re.compile(r"[-a-zA-Z0-9_]+").fullmatch


def split_project(project: str | None) -> tuple[str, str]:
    """Owner and name of a project, from `name`, `owner/name` or `owner.name`. The owner may be empty.

    Raises:
        InvalidName, WrongType: it is no project.

    Example:
        >>> split_project("ann.vision"), split_project("vision"), split_project(None)
        (('ann', 'vision'), ('', 'vision'), ('', 'default'))
    """
    if project is None:
        return "", DEFAULT_PROJECT
    if not isinstance(project, str):
        raise WrongType(f"project={project!r} must be text: 'name', 'owner/name' or 'owner.name'")
    parts = re.split(r"[./]", project, maxsplit=1)
    if not all(map(_SLUG, parts)):
        raise InvalidName(
            f"project={project!r} is no project; write 'name', 'owner/name' or 'owner.name', "
            "with letters, digits, - and _ only"
        )
    return (parts[0], parts[1]) if len(parts) == 2 else ("", parts[0])


def check_slug(name: object, argument: str = "name") -> str:
    """A name of an experiment, job or group.

    Raises:
        InvalidName, WrongType: it is none.
    """
    check_key(name, argument)
    if not _SLUG(str(name)):
        raise InvalidName(f"{argument}={name!r} must be a slug: letters, digits, - and _ only")
    return str(name)


def words(tags: Tagging) -> list[str]:
    """Tags as a list of words without blanks around them.

    Raises:
        WrongType: neither text nor a list of texts.
        InvalidArgument: one of them is empty.

    Example:
        >>> words("a, b ,c")
        ['a', 'b', 'c']
    """
    if not tags:
        return []
    if isinstance(tags, str):
        tags = tags.split(",")
    if not isinstance(tags, (list, tuple, set, frozenset)):
        raise WrongType(f"tags={tags!r} must be a list of words, or words separated by commas")
    found = []
    for tag in tags:
        word = check_key(tag, "tags").strip() if tag != "" else ""
        if not word:
            raise InvalidArgument(f"tags={tags!r}: one of the tags is empty")
        if word.startswith(RESERVED):
            raise InvalidName(f"tags={tags!r}: tags that begin with 'polyaxon.' hold fields, such as the framework")
        found.append(word)
    return found


def as_text(value: Any, argument: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise WrongType(f"{argument.removeprefix(RESERVED)}={value!r} must be text")
    return str(value)


def as_bytes(content: Any) -> bytes | None:
    """A polyaxonfile as bytes; JSON is YAML."""
    if content is None:
        return None
    if isinstance(content, str):
        return content.encode("utf-8")
    return to_json(content, "content").encode("utf-8")
