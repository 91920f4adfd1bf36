"""Names: what a user may call things, and the one way in which a name becomes a path component.

Names are the user's: any script, spaces, punctuation. What is refused is refused with a reason:
an empty name, control characters, `.` and `..` as a component, an absolute path. Everything else is
*encoded*, never trusted: `encode` maps a component to letters, digits, `_`, `-` and `.`, so that no name
can leave the store, and two names never share a path.
"""

from __future__ import annotations

import re

from runlore.errors import InvalidName, WrongType

MAX_NAME_LENGTH = 4096
"""Characters in a whole name (an experiment path, a metric key, an artifact name)."""

LINK_TAGS = "mlflow.linked."
"""Tags of runs that begin so serve searching, by what MLflow's clients linked to a run; people are not shown them."""

PRIVATE = "server."
"""Claims of namespaces that begin so are the server's own: of those who have an account, only an admin of everything
sees them."""

_BOOK_SPACE, _BOOK_KINDS = "mlflow", frozenset({"experiment", "logged-model", "registered-model"})
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
_SAFE_COMPONENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*").fullmatch
_UID = re.compile(r"[0-9a-f]{32}").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_MAX_COMPONENT_BYTES = 200


def encode(component: str) -> str:
    """One component of a name, as one component of a path.

    Bytes outside `[A-Za-z0-9_.-]`, and a leading dot, become `%XX` of their UTF-8. A component that would be longer
    than a file name may be is cut and closed with its SHA-256. Components that look like a uid are escaped, so that an
    experiment cannot pose as a run. Different components always have different encodings; the encoding is not meant
    to be reversed (true names are in the journal).

    Example:
        >>> encode("cifar10"), encode("../x"), encode("."), encode("Größe")
        ('cifar10', '%2E.%2Fx', '%2E', 'Gr%C3%B6%C3%9Fe')
    """
    if _SAFE_COMPONENT(component) and len(component) <= _MAX_COMPONENT_BYTES and not is_uid(component):
        return component
    raw = component.encode("utf-8", "surrogatepass")
    out = "".join(
        chr(byte) if byte in _SAFE and not (index == 0 and byte == 0x2E) else f"%{byte:02X}"
        for index, byte in enumerate(raw)
    )
    if is_uid(component):
        out = f"%{raw[0]:02X}{out[1:]}"
    if len(out) > _MAX_COMPONENT_BYTES:
        import hashlib

        out = f"{out[:120]}%~{hashlib.sha256(raw).hexdigest()}"
    return out or "%"


def encode_path(name: str) -> str:
    """A name with `/` between its components, as a relative path.

    Example:
        >>> encode_path("vision/CIFAR 10")
        'vision/CIFAR%2010'
    """
    if "/" not in name:
        return encode(name)
    return "/".join(map(encode, name.split("/")))


def is_uid(text: str) -> bool:
    """Whether the text is a run uid: 32 lowercase hexadecimal digits."""
    return len(text) == 32 and _UID(text) is not None


def check_path_name(name: object, argument: str) -> str:
    """A name made of components: an experiment, an artifact, a card.

    Args:
        name: what the user gave.
        argument: the argument's name, for the message.

    Raises:
        WrongType: it is not a string.
        InvalidName: it is empty, absolute, too long, has an empty, `.` or `..` component or a control character.

    Example:
        >>> check_path_name("vision/cifar10", "experiment")
        'vision/cifar10'
        >>> check_path_name("../x", "experiment")
        Traceback (most recent call last):
        ...
        runlore.errors.InvalidName: experiment='../x': the component '..' would leave the store; choose another name
    """
    text = check_file_name(name, argument)
    if "\\" in text:
        raise InvalidName(f"{argument}={text!r}: use '/' between components, not a backslash")
    found = _CONTROL(text)
    if found:
        raise InvalidName(f"{argument}={text!r}: control character {found.group()!r} at index {found.start()}")
    return text


def keeps_books(kind: str, space: str) -> bool:
    """Whether cards of this kind and space keep what MLflow's clients know of their things, and are nobody's result.

    Example:
        >>> keeps_books("experiment", "mlflow"), keeps_books("model", "mlflow"), keeps_books("experiment", "nlp")
        (True, False, False)
    """
    return space == _BOOK_SPACE and kind in _BOOK_KINDS


def check_file_name(name: object, argument: str) -> str:
    """As `check_path_name`, for names that files bring along: of characters only NUL is refused.

    A name that a person types is better refused when it has a backslash or a line break; one that a file has is data.

    Raises:
        WrongType: it is not a string.
        InvalidName: it is empty, absolute, too long, has an empty, `.` or `..` component or a NUL.
    """
    text = check_key(name, argument)
    if _SAFE_COMPONENT(text):
        return text
    for component in text.split("/"):
        if component in (".", ".."):
            raise InvalidName(
                f"{argument}={text!r}: the component {component!r} would leave the store; choose another name"
            )
        if not component:
            raise InvalidName(f"{argument}={text!r}: '/' separates components, and one of them is empty")
    return text


def check_key(name: object, argument: str) -> str:
    """A key of a metric, param or tag: any non-empty string of up to `MAX_NAME_LENGTH` characters without NUL.

    Raises:
        WrongType: it is not a string.
        InvalidName: it is empty, too long, or contains NUL.
    """
    if not isinstance(name, str):
        raise WrongType(f"{argument}={name!r} must be a string, not {type(name).__name__}")
    if not name:
        raise InvalidName(f"{argument}='' is empty; give it a name")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidName(
            f"{argument}={name[:40]!r}… has {len(name):,} characters; at most {MAX_NAME_LENGTH:,} are possible"
        )
    if "\0" in name:
        raise InvalidName(f"{argument}={name!r} contains a NUL character at index {name.index(chr(0))}")
    return name
