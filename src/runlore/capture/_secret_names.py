"""Names that say that a value is secret: of options, settings, variables and fields.

A name is read word by word, whichever way it joins them: `WANDB_API_KEY`, `wandb.key`, `--wandbKey`. Three lists
decide: words that tell wherever they stand (`password`), words that tell at the end (`token`, `key`), and the company
in which they are harmless (`pad_token`, `primary_key`, `password_file`).
"""

from __future__ import annotations

import re
from functools import lru_cache

NO, MAYBE, YES = range(3)
"""How much a name tells. MAYBE is enough where somebody sets a value (an option, a variable), not in running text, in
which `key = "loss"` is everyday code."""

MARKS = (
    "pass", "pw", "secret", "key", "cred", "token", "auth", "jwt", "bearer", "pat", "cookie", "dsn", "conn", "sas",
    "session",
)  # fmt: skip
"""A name without any of these, in lower case, tells nothing."""

_ANYWHERE = (
    r"password|passwd|passphrase|passcode|credential|authorization|connectionstring|connstr"
    r"|(?:api|access|auth|secret|private|account|signing|encryption|master|shared|subscription|storage|license)key"
    r"|(?:api|access|auth|bearer|bot|refresh|session|secret|security|id|personal)token|clientsecret"
)
_WORDS_ANYWHERE = frozenset({"secret", "secrets", "pwd", "jwt", "apikey", "bearer"})
_WORDS_AT_THE_END = {
    "token": YES, "key": MAYBE, "pass": MAYBE, "pw": MAYBE, "pat": MAYBE, "auth": MAYBE, "cookie": MAYBE,
    "cookies": MAYBE, "dsn": MAYBE, "sas": MAYBE, "cred": MAYBE, "creds": MAYBE, "sessionid": MAYBE, "passkey": MAYBE,
    "dbpass": YES, "dbpw": YES, "userpass": YES, "rootpw": YES, "sshpass": YES, "csrftoken": YES,
}  # fmt: skip
_ABOUT = frozenset(
    {
        "file", "files", "filename", "path", "paths", "dir", "directory", "folder", "len", "length", "size", "count",
        "type", "types", "kind", "policy", "prompt", "field", "column", "env", "var", "variable", "required", "min",
        "max", "enabled", "manager", "store", "backend", "provider", "class", "url", "uri", "endpoint", "name", "names",
        "regex", "pattern", "format", "ttl", "timeout", "expiry", "attempts", "retries", "scope", "scopes", "version",
        "bits", "dim", "rotation", "strength", "hint",
    }
)  # fmt: skip
"""What a name may end with that is about the secret, and not the secret."""
_THE_SAME = frozenset({"value", "val", "string", "str", "plain", "raw", "b64", "base64", "hex", "pem"})
"""What a name may end with without changing what it is."""
_NOT_THE_SAME = frozenset({"connstr", "connectionstring"})
_COMPANY = {
    "token": frozenset(
        {
            "pad", "eos", "bos", "unk", "mask", "cls", "sep", "special", "image", "video", "audio", "text", "num",
            "max", "min", "n", "new", "per", "next", "prev", "previous", "start", "end", "first", "last", "stop",
            "input", "output", "prompt", "target", "source", "begin", "boi", "eoi", "extra",
            "dummy", "sub", "word", "speech",
            "boundary", "separator", "newline", "class", "register", "fake", "latent", "visual", "query", "answer",
        }
    ),
    "key": frozenset(
        {
            "primary", "foreign", "sort", "sorting", "partition", "cache", "index", "group", "join", "order", "unique",
            "public", "metric", "metrics", "param", "config", "dict", "map", "registry", "image", "label", "target",
            "input", "output", "feature", "features", "column", "field", "data", "dataset", "batch", "loss", "score",
            "monitor", "eval", "best", "event", "row", "record", "lookup", "search", "query", "attn", "attention",
            "hash", "shard", "routing", "object", "item", "attribute", "property", "tag", "text", "state", "checkpoint",
            "rng", "prng", "random", "seed", "arrow", "shift", "ctrl", "enter", "hot", "bucket", "s", "time", "id",
            "composite", "natural", "surrogate", "candidate", "mask", "prompt", "response", "answer", "question",
            "reward", "obs", "observation", "action", "video", "audio", "caption", "num", "max", "min", "per", "q",
        }
    ),
    "pass": frozenset(
        {
            "forward", "backward", "low", "high", "band", "all", "first", "second", "third", "last", "next", "single",
            "one", "two", "double", "multi", "num", "n", "max", "min", "per", "render", "by", "test", "tests", "train",
            "eval", "optimization",
        }
    ),
}  # fmt: skip
_WORD = r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+"
_WORKING_DIRECTORIES = frozenset({"PWD", "OLDPWD"})


@lru_cache(4096)
def tells(name: str) -> int:
    """How much a name tells: NO, MAYBE or YES.

    Example:
        >>> tells("db.password"), tells("wandb.key"), tells("max_tokens")
        (2, 1, 0)
    """
    lower = name.lower()
    if not any(mark in lower for mark in MARKS) or name in _WORKING_DIRECTORIES:
        return NO
    words = [word.lower() for word in re.findall(_WORD, name[-256:])]
    while words and (words[-1].isdigit() or words[-1] in _THE_SAME) and "".join(words[-2:]) not in _NOT_THE_SAME:
        words.pop()
    if not words or words[-1] in _ABOUT:
        return NO
    if re.search(_ANYWHERE, "".join(words)) or not _WORDS_ANYWHERE.isdisjoint(words):
        return YES
    last = words[-1]
    if len(words) > 1 and words[-2] in _COMPANY.get(last, ()):
        return NO
    return _WORDS_AT_THE_END.get(last, NO)
