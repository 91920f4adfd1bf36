"""Where the built page lies, and its files: read once, compressed once, served from memory (about a megabyte).

A wheel has them beside this module, in `static`. A clone that is installed as editable has them in `ui/dist`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
CLONE = Path(__file__).parents[4] / "ui"

COMPRESSED = {"application/javascript", "image/svg+xml", "text/css", "text/html", "text/javascript"}
KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".html": "text/html",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page.

    Attributes:
        content: its bytes.
        compressed: the same by gzip; None where that would save nothing.
        media_type: with its charset.
        etag: of its content.
    """

    content: bytes
    compressed: bytes | None
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """The built page.

    Attributes:
        files: by their path below the page's root, such as `assets/index-1a2b.js`.
        missing: why there is none; None where there is.
    """

    files: dict[str, File]
    missing: str | None


@lru_cache(maxsize=1)
def find_page() -> Page:
    """The page that belongs to this package; read at the first call."""
    for folder in (STATIC, CLONE / "dist"):
        if (folder / "index.html").is_file():
            return Page(_read_files(folder), None)
    return Page({}, _why_missing())


def is_clone() -> bool:
    """Whether this package runs from a clone of the repository, where the page can be built in place."""
    return (CLONE / "package.json").is_file()


def _why_missing() -> str:
    for folder in (STATIC, CLONE / "dist"):
        try:
            record = json.loads((folder / "build.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if record.get("why"):
            return str(record["why"])
    return "nobody built it"


def _read_files(folder: Path) -> dict[str, File]:
    files = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            path = Path(directory) / name
            if name != "build.json":
                files[path.relative_to(folder).as_posix()] = make_file(path.read_bytes(), name)
    return files


def make_file(content: bytes, name: str) -> File:
    """A file as it is served."""
    kind = KINDS.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    compressed = gzip.compress(content, 9, mtime=0) if kind in COMPRESSED else None
    if compressed is not None and len(compressed) >= len(content):
        compressed = None
    media_type = f"{kind}; charset=utf-8" if kind in COMPRESSED else kind
    return File(content, compressed, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
