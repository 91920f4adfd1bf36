"""Keeping secrets out of what is stored: argument lists, environment values, URLs, diffs, source files.

Two kinds of evidence count. *Forms* that nothing else has: an AWS key, a GitHub, Slack, OpenAI or Hugging Face token, a
JSON web token, a private key block, credentials in a URL. *Names* that say so: `password=`, `api_key:`, `--token X`.
A wrong alarm costs one value in a record; a miss puts a secret on a team's server. So wrong alarms are accepted, with
one exception that machine learning needs: `tokenizer`, `max_tokens`, `token_ids` and the like are not secrets.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MASK = "***"
"""What stands in a record where a secret stood."""

_NAME = (
    r"pass(?:word|wd|phrase)|secret|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|signing[_-]?key"
    r"|encryption[_-]?key|credential|(?<![a-z])(?:tokens?(?![a-z])(?!_(?:ids?|type|len|count|size))|auth(?![a-z])|jwt|pwd)"
)
_HARMLESS = (
    r"(?i)(?:^|[_.-])(?:num|max|min|n|new|input|output|prompt|special|mask|unk|pad|eos|bos|cls|sep)[_-]?tokens?(?:$|[_-])"
    r"|tokens$"
)
_FORMS = (
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"  # GitHub, GitLab
    r"|\bxox[abeoprs]-[\w-]{10,}|hooks\.slack\.com/services/[\w/]+"  # Slack
    r"|\bsk-[\w-]{20,}|\bhf_[A-Za-z0-9]{20,}|\bAIza[\w-]{35}|\bya29\.[\w-]{20,}"  # AI services, Google
    r"|\b(?:npm_|pypi-|dop_v1_|lin_api_|rk_live_|sk_live_)[\w-]{20,}"
    r"|\beyJ[\w-]{8,2000}\.[\w-]{8,2000}\.[\w-]*"  # JSON web tokens
)


_FORM_MARKS = (
    "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "slack", "sk-", "hf_",
    "aiza", "ya29.", "npm_", "pypi-", "dop_v1_", "lin_api_", "k_live_", "eyj", "://", "bearer", "basic", "sig=",
    "signature=", "token=", "key=", "secret=", "password=", "credential=",
)  # fmt: skip
_NAME_MARKS = ("pass", "secret", "key", "credential", "token", "auth", "jwt", "pwd")
"""A line without any of these, in lower case, needs no closer look: that makes long texts thirty times faster."""


@lru_cache(1)
def _forms() -> re.Pattern[str]:
    """Compiled when first needed: a run whose arguments are short and plain never needs it."""
    return re.compile(
        rf"(?P<form>{_FORMS})"
        r"|(?P<scheme>\b[a-zA-Z][\w+.-]{0,20}://)[^\s/@:'\"]{0,200}:[^\s/@'\"]{1,200}@"
        r"|(?P<bearer>\b(?i:bearer|basic)\s{1,8})[A-Za-z0-9+/=._~-]{16,}"
        r"|(?P<query>[?&](?i:[\w-]{0,40}(?:sig|signature|token|key|secret|password|credential))=)[^&\s'\"]+"
    )


@lru_cache(1)
def _assignments() -> re.Pattern[str]:
    # Every repetition is bounded, and the start of the name is looked up afterwards: hostile text costs linear time.
    return re.compile(
        rf"""(?ix)
        (?P<name>(?:{_NAME})[\w.-]{{0,64}})
        (?P<between>["']?\]?\s{{0,8}}(?::\s?[\w\[\].|\ ]{{1,40}}=|:=|=>|[:=])\s{{0,8}}|["']\s{{0,8}},\s{{0,8}}(?=["']))
        (?:
            (?P<open>[rbuf]{{0,2}}(?P<quote>["'`]))(?P<quoted>(?:(?!(?P=quote))[^\r\n]){{1,1000}})(?P=quote)
          | (?P<bare>(?![\w.]{{0,80}}[(\[{{])[^\s"'`,;(){{}}\[\]<>]{{4,}})
        )"""
    )


_KEY_BLOCK = (
    r"(?s)(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
    r"(.{0,16384}?(?=-----END )|(?:(?:[\r\n]+[+\- ]?|\\n)[A-Za-z0-9+/=]{16,})*)"
)
_KEY_BODY = r"(?m)^([+\- ]?)[^\r\n]*[A-Za-z0-9+/=]{16}[^\r\n]*$|(?<=\\n)[A-Za-z0-9+/=\\]+"
_PLAIN_VALUE = r"(?i)(?:none|null|true|false|nil|undefined|[\d.,+-]+(?:e[+-]?\d+)?|\*+|str|int|bytes|float|bool)"
_CODE = r"(?:self|args|cfg|config|os|settings|opts?|options|params?|kwargs)\.[\w.]+"
# Patterns are compiled when first needed, and kept by `re`: a run that starts has no time for them.


def is_secret_name(name: str) -> bool:
    """Whether a variable, option or key of this name usually holds a secret.

    Example:
        >>> [name for name in ("WANDB_API_KEY", "max_tokens", "db.password", "monkey") if is_secret_name(name)]
        ['WANDB_API_KEY', 'db.password']
    """
    lower = name.lower()
    if not any(mark in lower for mark in _NAME_MARKS):
        return False
    return _secret_name().search(name) is not None and not re.search(_HARMLESS, name)


@lru_cache(1)
def _secret_name() -> re.Pattern[str]:
    return re.compile(rf"(?i)(?:{_NAME})")


def redact_forms(text: str) -> str:
    """Mask what has the form of a secret whatever its name: tokens of known services, private keys, URL credentials.

    Example:
        >>> redact_forms("push to https://ann:hunter2@example.org/x.git with AKIAIOSFODNN7EXAMPLE")
        'push to https://***@example.org/x.git with ***'
    """
    if "PRIVATE KEY" in text:
        text = re.sub(_KEY_BLOCK, _mask_key_block, text)
    return _by_line(text, _FORM_MARKS, _forms, _mask_form)


def redact(text: str) -> str:
    """Mask what looks like a secret by form or by name. Lines stay lines, so a redacted diff is still a diff.

    Example:
        >>> redact('password = "hunter2"; max_tokens = 512; api_key: abcdef123')
        'password = "***"; max_tokens = 512; api_key: ***'
    """
    return _by_line(redact_forms(text), _NAME_MARKS, _assignments, _mask_assignment)


def redact_lines(text: str, piece_characters: int = 32_768) -> str:
    r"""As `redact`, in pieces of whole lines, so that other threads get their turn in between.

    Example:
        >>> redact_lines("a = 1\npassword = 'x'\n")
        "a = 1\npassword = '***'\n"
    """
    if "PRIVATE KEY" in text:
        text = re.sub(_KEY_BLOCK, _mask_key_block, text)
    pieces: list[str] = []
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + piece_characters) + 1 or len(text)
        pieces.append(redact(text[begin:end]))
        begin = end
    return "".join(pieces)


def redact_url(url: str) -> str:
    """A remote's address without credentials: no user or password in http(s), no password elsewhere.

    Example:
        >>> redact_url("https://ghp_token@github.com/ann/x.git"), redact_url("git@github.com:ann/x.git")
        ('https://github.com/ann/x.git', 'git@github.com:ann/x.git')
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return redact_forms(url)
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at and (scheme.lower().startswith("http") or ":" in user):
        authority = host if scheme.lower().startswith("http") else f"{user.partition(':')[0]}@{host}"
    return redact_forms(f"{scheme}://{authority}{slash}{path}")


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
    """An argument list; `--password X`, `--password=X` and `password=X` lose their X.

    Example:
        >>> redact_arguments(["train.py", "--api-key", "k", "--lr=0.1", "token=abc", "--max-tokens", "5"])
        ['train.py', '--api-key', '***', '--lr=0.1', 'token=***', '--max-tokens', '5']
    """
    out: list[str] = []
    secret_follows = False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        is_option = argument.startswith("-")
        if secret_follows and not (is_option and is_secret_name(name)):
            out.append(MASK)
            secret_follows = False
            continue
        if equals and value and " " not in name and is_secret_name(name):
            out.append(f"{name}={MASK}")
        else:
            out.append(redact(argument) if len(argument) > 7 else argument)
        secret_follows = is_option and not equals and is_secret_name(name)
    return out


def _by_line(
    text: str, marks: tuple[str, ...], pattern: Callable[[], re.Pattern[str]], mask: Callable[[re.Match[str]], str]
) -> str:
    """The text with the pattern masked in those lines that may hold it."""
    lower = text.lower()
    present = [mark for mark in marks if mark in lower]
    if not present:
        return text
    lines = text.split("\n")
    for index, line in enumerate(lines):
        lower = line.lower()
        if any(mark in lower for mark in present):
            lines[index] = pattern().sub(mask, line)
    return "\n".join(lines)


def _mask_key_block(found: re.Match[str]) -> str:
    body = re.sub(_KEY_BODY, lambda line: f"{line.group(1) or ''}{MASK}", found.group(2))
    return f"{found.group(1)}{body}"


def _mask_form(found: re.Match[str]) -> str:
    if found.group("scheme"):
        return f"{found.group('scheme')}{MASK}@"
    return f"{found.group('bearer') or found.group('query') or ''}{MASK}"


def _name_start(text: str, end: int) -> str:
    """The letters before the telling part of a name: `max_` of `max_tokens`."""
    begin = end
    while begin > max(0, end - 64) and (text[begin - 1].isalnum() or text[begin - 1] in "_.-"):
        begin -= 1
    return text[begin:end]


def _mask_assignment(found: re.Match[str]) -> str:
    name, between = found.group("name"), found.group("between")
    value = found.group("quoted") or found.group("bare")
    whole_name = _name_start(found.string, found.start()) + name
    if (
        re.search(_HARMLESS, whole_name)
        or re.fullmatch(_PLAIN_VALUE, value)
        or (found.group("bare") and re.fullmatch(_CODE, value))
    ):
        return found.group()
    if found.group("quoted"):
        return f"{name}{between}{found.group('open')}{MASK}{found.group('quote')}"
    return f"{name}{between}{MASK}"
