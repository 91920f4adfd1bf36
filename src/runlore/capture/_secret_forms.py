"""Values that are secret whatever they are called: tokens of known services, credentials in addresses, private keys.

Every pattern begins with something rare and repeats a bounded number of times, so that hostile text costs linear time.
"""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "***"
"""What stands in a record where a secret stood."""

_SERVICES = (
    (("AKIA", "ASIA", "ABIA", "ACCA"), r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),  # AWS
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{30,255}"),
    (("github_pat_",), r"\bgithub_pat_\w{22,255}"),
    (("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"), r"(?<![\w-])gl(?:pat|dt|rt|cbt|ptt)-[\w.-]{20,255}"),  # GitLab
    (("xox", "xapp-"), r"(?<![\w-])(?:xox[abeoprs]|xapp)-[\w-]{10,255}"),  # Slack
    (("hooks.slack",), r"hooks\.slack\.com/(?:services|workflows)/[\w/]{1,255}"),
    (("/api/webhooks/",), r"(?<=/api/webhooks/)\d{5,30}/[\w-]{10,255}"),  # Discord
    (("sk-",), r"(?<![\w-])sk-(?=[A-Za-z_-]{0,255}\d)[\w-]{20,255}"),  # OpenAI, Anthropic, OpenRouter and others
    (("gsk_", "pplx-", "xai-", "r8_"), r"\b(?:gsk_|pplx-|xai-|r8_)[A-Za-z0-9]{20,255}"),  # Groq, Perplexity, xAI …
    (("hf_", "api_org_"), r"\b(?:hf_|api_org_)[A-Za-z0-9]{20,255}"),  # Hugging Face
    (("wandb_v1_",), r"\bwandb_v1_[\w-]{20,255}"),
    (("AIza", "ya29.", "GOCSPX-"), r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,255}|\bGOCSPX-[\w-]{20,255}"),  # Google
    (("_live_", "_test_"), r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,255}"),  # Stripe
    (("whsec_",), r"\bwhsec_[\w+/=]{20,255}"),
    (("SG.",), r"(?<![\w.-])SG\.[\w-]{10,64}\.[\w-]{10,128}"),  # SendGrid
    (("npm_", "pypi-"), r"\bnpm_[A-Za-z0-9]{30,255}|\bpypi-[\w-]{20,1000}"),
    (("dop_v1_", "doo_v1_", "dor_v1_"), r"\bdo[opr]_v1_[0-9a-f]{30,255}"),  # DigitalOcean
    (("SK",), r"\bSK[0-9a-f]{32}\b"),  # Twilio
    (("8Q~", "7Q~"), r"(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,40}"),  # Azure
    (("dapi",), r"\bdapi[0-9a-f]{32}(?:-\d)?\b"),  # Databricks
    (("lin_api_", "ntn_", "figd_", "sbp_"), r"\b(?:lin_api_|ntn_|figd_|sbp_)[\w=+/-]{20,255}"),  # Linear, Notion …
    (("glsa_", "glc_"), r"\b(?:glsa_|glc_)[\w=+/-]{20,255}"),  # Grafana
    (("hvs.", "hvb."), r"\bhv[sb]\.[\w-]{20,255}"),  # Vault
    (("dp.", "pscale_"), r"\bdp\.[a-z]{2,6}\.\w{20,255}|\bpscale_\w{2,8}_[\w.-]{20,255}"),  # Doppler, PlanetScale
    (("dckr_pat_", "ATATT3"), r"\bdckr_pat_[\w-]{20,255}|\bATATT3[\w=-]{20,255}"),  # Docker, Atlassian
    (("PMAK-", "NRAK-"), r"\b(?:PMAK|NRAK)-[\w-]{20,255}"),  # Postman, New Relic
    (("shpat_", "shpca_", "shppa_", "shpss_"), r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{20,255}"),  # Shopify
    (("key-",), r"\bkey-[0-9a-f]{32}\b"),  # Mailgun
    (("AGE-SECRET-KEY-1",), r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,255}"),
    ((":AA",), r"\b\d{8,10}:AA[\w-]{32,40}"),  # Telegram
    (
        ("eyJ",),
        r"(?<![\w.-])eyJ[\w-]{8,4000}\.[\w-]{8,4000}\.[\w-]{0,4000}|(?<![\w.-])eyJhcGlf[\w+/=-]{20,4000}",
    ),  # JWT, Neptune
)
"""Prefixes, one of which has to be in a line for the pattern beside it to be looked for, and the pattern."""

_MARKS = (
    "@", "bearer", "basic", "cookie:", "sig=", "signature=", "token=", "key=", "secret=", "password=", "credential=",
)  # fmt: skip
"""What has to be in a line, in lower case, for the patterns that are no service's."""
_HARMLESS_USERS = frozenset({"git", "hg", "svn", "gitlab", "gitea", "forgejo", "bzr", "aur"})
"""Users that everybody is, with `ssh`: the key tells who it is."""


@lru_cache(64)
def _service(pattern: str) -> re.Pattern[str]:
    """Compiled when first needed: a run whose arguments are short and plain never needs any."""
    return re.compile(pattern)


@lru_cache(1)
def _places() -> re.Pattern[str]:
    """Credentials by where they stand: in addresses and headers."""
    return re.compile(
        r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://)"
        r"(?P<user>[^\s/'\"<>`\\]{1,400}|[^\s/@:'\"<>`\\]{1,64}:(?!\d{1,5}/)[^\s@'\"<>`\\]{1,200})@"
        r"|(?<![\w@./:-])(?P<copy>[\w.+-]{1,64}:[^\s'\"<>`@:/]{1,200})@(?=[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}[:/]|localhost[:/])"
        r"|(?P<header>\b(?i:bearer|basic)\s{1,8})[A-Za-z0-9+/=._~-]{16,4000}"
        r"|(?P<cookie>\b(?i:(?:set-)?cookie):\s{0,8})[^\r\n'\"]{1,4000}"
        r"|(?P<query>[?&;](?i:[\w-]{0,40}(?:sig|signature|token|key|secret|password|credential))=)[^&\s'\"]{1,4000}"
    )


def mask_forms(text: str) -> str:
    """The text with everything masked that has the form of a secret, but private keys."""
    for prefixes, pattern in _SERVICES:
        if any(prefix in text for prefix in prefixes):
            text = _service(pattern).sub(MASK, text)
    lower = text.lower()
    marks = [mark for mark in _MARKS if mark in lower]
    if not marks:
        return text
    lines = text.split("\n")
    for index, line in enumerate(lines):
        lower = line.lower()
        if any(mark in lower for mark in marks):
            lines[index] = _places().sub(_mask, line)
    return "\n".join(lines)


def _mask(found: re.Match[str]) -> str:
    if found["scheme"]:
        harmless = is_harmless_user(found["scheme"].lower(), found["user"])
        return found.group() if harmless else f"{found['scheme']}{MASK}@"
    if found["copy"]:
        return f"{MASK}@"
    return f"{found['header'] or found['cookie'] or found['query'] or ''}{MASK}"


def is_harmless_user(scheme: str, user: str) -> bool:
    """Whether a user in an address is no secret: there is no password, and everybody is it.

    Example:
        >>> is_harmless_user("ssh://", "git"), is_harmless_user("ssh://", "tok"), is_harmless_user("https://", "git")
        (True, False, False)
    """
    return user in _HARMLESS_USERS and not scheme.startswith(("http", "ws", "ftp"))


# -- private keys ---------------------------------------------------------------------------------------------------

_KEY_MARK = "PRIVATE KEY"
_KEY_EDGE = r"(-----(?:BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
_KEY_BODY = r"([+\- ]?\s{0,200}[rbf]{0,2}[\"']?)((?:[A-Za-z0-9+/=]|\\[nr]){1,16000})([\"']?[\s,;)+\\]{0,20})"
_KEY_HEADER = r"[+\- ]?\s{0,8}(?:[A-Za-z-]{2,40}: [^\r\n]{0,400}|[\"']?(?:\\n)?[\"']?)"
_SHORTEST_BODY = 16


def mask_private_keys(text: str, *, inside: bool = False) -> tuple[str, bool]:
    """The text with the bodies of private keys masked, line by line, so that a diff stays one.

    Args:
        text: whole lines.
        inside: whether it begins within a key, whose end was not seen yet.

    Returns:
        The text, and whether it ends within a key.
    """
    if not inside and _KEY_MARK not in text:
        return text, False
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if inside or _KEY_MARK in line:
            lines[index], inside = _mask_key_line(line, inside)
    return "\n".join(lines), inside


def _mask_key_line(line: str, inside: bool) -> tuple[str, bool]:
    pieces = re.split(_KEY_EDGE, line)
    for index, piece in enumerate(pieces):
        if index % 2:
            inside = piece.startswith("-----BEGIN")
        elif inside and piece.strip(" +-\t"):
            body = re.fullmatch(_KEY_BODY, piece)
            if body is not None and (
                len(body[2]) >= _SHORTEST_BODY or index + 1 < len(pieces) or not body[2].isalpha()
            ):
                pieces[index] = f"{body[1]}{MASK}{body[3]}"
            elif re.fullmatch(_KEY_HEADER, piece) is None:
                inside = False  # it is not a key that goes on here, but a text that speaks of one
    return "".join(pieces), inside
