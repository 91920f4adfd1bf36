"""Keeping secrets out of what is stored: argument lists, environment values, addresses, output, diffs, source files.

Two kinds of evidence count. *Forms* that nothing else has: an AWS key, a token of GitHub, Slack or Hugging Face, a
JSON web token, a private key block, credentials in an address (`_secret_forms`). *Names* that say so: `password=`,
`api_key:`, `--token X` (`_secret_names`). A wrong alarm costs one value in a record; a miss puts a secret on a team's
server. So wrong alarms are accepted, with one exception that machine learning needs: `tokenizer`, `max_tokens`,
`sort_key` and the like are not secrets.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from runlore.capture._secret_forms import MASK, is_harmless_user, mask_forms, mask_private_keys
from runlore.capture._secret_names import MARKS, NO, YES, tells

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MASK", "is_secret_name", "redact", "redact_arguments", "redact_forms", "redact_lines", "redact_url",
    "redact_value",
]  # fmt: skip

_SWITCHES = frozenset(
    {"no", "not", "without", "skip", "disable", "ask", "prompt", "require", "requires", "show", "hide", "reset", "has"}
)
"""First words of options that take no value: `--no-password`."""
# Patterns are compiled when first needed, and kept by `re`: a run that starts has no time for them.
_PLAIN_VALUE = r"(?i)(?:none|null|true|false|nil|undefined|[\d.,+-]+(?:e[+-]?\d+)?|\*+|str|int|bytes|float|bool)"
_SWITCH_VALUE = r"(?i)(?:none|null|nil|true|false|yes|no|on|off|)"
_CODE = r"(?:self|args|cfg|config|os|settings|opts?|options|params?|kwargs)\.[\w.]+"
_REFERENCE = r"(?:(?i:bearer|basic|token)\s+)?(?:\$[A-Z_][A-Z0-9_]*|\$?\{\{?[^{}]*\}?\})"
"""Where the value is named and not written: `$TOKEN`, `${token}`, `{token}`."""
_RANDOM = (
    r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])(?:[^\s]*(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16}[^\s]*"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)


def is_secret_name(name: str) -> bool:
    """Whether a variable, option or key of this name usually holds a secret.

    Example:
        >>> names = ("WANDB_API_KEY", "wandb.key", "max_tokens", "db.password", "monkey", "password_file")
        >>> [name for name in names if is_secret_name(name)]
        ['WANDB_API_KEY', 'wandb.key', 'db.password']
    """
    return tells(name) != NO


def redact_forms(text: str) -> str:
    """Mask what has the form of a secret whatever its name: tokens of known services, private keys, URL credentials.

    Example:
        >>> redact_forms("push to https://ann:hunter2@example.org/x.git with AKIAIOSFODNN7EXAMPLE")
        'push to https://***@example.org/x.git with ***'
    """
    return mask_forms(mask_private_keys(text)[0])


def redact(text: str) -> str:
    """Mask what looks like a secret by form or by name. Lines stay lines, so a redacted diff is still a diff.

    Example:
        >>> redact('password = "hunter2"; max_tokens = 512; api_key: abcdef123')
        'password = "***"; max_tokens = 512; api_key: ***'
    """
    text = redact_forms(text)
    lower = text.lower()
    present = [mark for mark in MARKS if mark in lower]
    if not present:
        return text
    lines = text.split("\n")
    for index, line in enumerate(lines):
        lower = line.lower()
        if any(mark in lower for mark in present):
            lines[index] = _mask_assignments(line)
    return "\n".join(lines)


def redact_lines(text: str, piece_characters: int = 32_768) -> str:
    r"""As `redact`, in pieces of whole lines, so that other threads get their turn in between.

    Example:
        >>> redact_lines("a = 1\npassword = 'x'\n")
        "a = 1\npassword = '***'\n"
    """
    pieces: list[str] = []
    begin, inside = 0, False
    while begin < len(text):
        end = text.find("\n", begin + piece_characters) + 1 or len(text)
        piece, inside = mask_private_keys(text[begin:end], inside=inside)
        pieces.append(redact(piece))
        begin = end
    return "".join(pieces)


def redact_url(url: str) -> str:
    """A remote's address without credentials. Users that everybody is, such as `git`, stay.

    Example:
        >>> redact_url("https://ghp_token@github.com/ann/x.git"), redact_url("git@github.com:ann/x.git")
        ('https://github.com/ann/x.git', 'git@github.com:ann/x.git')
    """
    scheme, separator, rest = url.rpartition("://") if url.count("://") == 1 else url.partition("://")
    if not separator:
        scheme, rest = "", url
    path_begins = _authority_end(rest, is_copy=not separator)
    user, at, host = rest[:path_begins].rpartition("@")
    if at and not is_harmless_user(f"{scheme.lower()}{separator}", user):
        rest = host + rest[path_begins:]
    return redact_forms(f"{scheme}{separator}{rest}")


def redact_value(name: str, value: str) -> str:
    """The value of a variable, masked as a whole when its name says that it is a secret.

    Example:
        >>> redact_value("AWS_SECRET_ACCESS_KEY", "x"), redact_value("OMP_NUM_THREADS", "8")
        ('***', '8')
    """
    if value and is_secret_name(name):
        return MASK
    return redact(value)


def redact_arguments(arguments: Sequence[str]) -> list[str]:
    """An argument list; `--password X`, `--password=X`, `password=X` and `+a.b.password=X` lose their X.

    A single letter (`-p X`) says nothing, so what follows it stays unless it has the form of a secret.

    Example:
        >>> redact_arguments(["train.py", "--api-key", "k", "--lr=0.1", "token=abc", "--max-tokens", "5"])
        ['train.py', '--api-key', '***', '--lr=0.1', 'token=***', '--max-tokens', '5']
    """
    out: list[str] = []
    secret_follows = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        name = re.sub(r"^-[A-Z](?=[a-z])", "", name).removesuffix(":")  # as in -Dpassword=X
        is_option = argument.startswith("-")
        if secret_follows and not _is_another_option(argument):
            out.append(argument if re.fullmatch(_SWITCH_VALUE, argument) else MASK)
            secret_follows = False
            continue
        if equals and not re.search(r"[\s{}\[\]\"']", name) and is_secret_name(name):
            out.append(argument if re.fullmatch(_SWITCH_VALUE, value) else f"{argument[: -len(value)]}{MASK}")
        else:
            out.append(redact(argument) if len(argument) > 4 else argument)
        secret_follows = is_option and not equals and is_secret_name(name) and not _is_switch(name)
    return out


def _is_another_option(argument: str) -> bool:
    """Whether this is an option itself and not the value of the one before. A value may begin with one dash."""
    return re.match(r"--[A-Za-z]", argument) is not None or (len(argument) == 2 and argument.startswith("-"))


def _is_switch(option: str) -> bool:
    return re.split(r"[-_]", option.lstrip("-").lower(), maxsplit=1)[0] in _SWITCHES


def _authority_end(rest: str, *, is_copy: bool) -> int:
    """Where the user and host of an address end and its path begins.

    Args:
        rest: of the address, after the scheme if there is one.
        is_copy: there is none: as `scp` writes it, `user@host:path`.
    """
    at = rest.rfind("@")
    if is_copy:
        colon = rest.find(":", at + 1)
        slash = rest.find("/")
        is_remote = at >= 0 and colon > at and (slash < 0 or slash > at or ":" in rest[:slash])
        return colon if is_remote else 0
    slash = rest.find("/")
    if 0 <= slash < at and ":" in rest[:slash] and not rest[:slash].rpartition(":")[2].isdecimal():
        slash = rest.find("/", at)  # a password with a slash in it
    return slash if slash >= 0 else len(rest)


@lru_cache(1)
def _names() -> re.Pattern[str]:
    """A name and what stands between it and its value. It is tried from its beginning alone: that takes linear time."""
    return re.compile(
        r"""(?<![\w.-])(?P<name>[\w.-]+)"""
        r"""(?:\\?["']?\]?\s{0,8}(?::\s?[\w\[\].| ]{1,40}=|:=|=>|[:=])\s{0,8}|["']\s{0,8},\s{0,8}(?=["']))"""
    )


@lru_cache(1)
def _values() -> re.Pattern[str]:
    return re.compile(
        r"""(?x)
        (?P<open>[rbufRBUF]{0,2}\\?(?P<quote>["'`]))(?P<quoted>(?:(?!(?P=quote))[^\r\n\\]|\\(?!["'])[^\r\n]){1,4000})
        (?P<close>\\?(?P=quote))
        |(?P<bare>(?![\w.]{0,80}[(\[{])(?:(?i:bearer|basic|digest|token)\ +)?[^\s"'`,;(){}\[\]<>\\]{1,4000})"""
    )


def _mask_assignments(line: str) -> str:
    """Mask the values of telling names in a line."""
    pieces: list[str] = []
    done = at = 0
    while (found := _names().search(line, at)) is not None:
        at = found.end("name")
        told = tells(found["name"])
        value = _values().match(line, found.end()) if told != NO else None
        if value is not None and _is_worth_masking(told, value):
            masked = f"{value['open']}{MASK}{value['close']}" if value["quoted"] else MASK
            pieces += (line[done : value.start()], masked)
            done = at = value.end()
    return "".join([*pieces, line[done:]])


def _is_worth_masking(told: int, found: re.Match[str]) -> bool:
    value = found["quoted"] or found["bare"]
    if told != YES and not re.match(_RANDOM, value):
        return False
    plain = re.fullmatch(_PLAIN_VALUE, value) or re.fullmatch(_REFERENCE, value)
    return not plain and not (found["bare"] and re.fullmatch(_CODE, value))
