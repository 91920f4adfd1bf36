"""The site's order of pages is that of docs/README.md, which people read where there is no site. A hook of MkDocs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
_ENTRY = re.compile(r"^(?:-|\d+\.) \[(.*?)\]\(([\w./-]+\.md)\)", re.MULTILINE)


def navigation(text: str) -> list[dict[str, Any]]:
    r"""The headings of the list of documents, each with its pages: title and path.

    Example:
        >>> navigation("# Documents\n## Learn\n- [First](tutorial/first.md): begin\n")
        [{'Learn': [{'First': 'tutorial/first.md'}]}]
    """
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    sections = zip(parts[1::2], parts[2::2], strict=True)
    return [{heading: [{title: path} for title, path in _ENTRY.findall(body)]} for heading, body in sections]


def missing(text: str, pages: set[str]) -> set[str]:
    """The pages that the list of documents does not name."""
    return pages - {path for _, path in _ENTRY.findall(text)} - {"README.md"}


def on_config(config: Any) -> Any:
    """Give MkDocs the order.

    Raises:
        ValueError: a page is not in the list of documents.
    """
    text = (DOCS / "README.md").read_text("utf-8")
    left_out = missing(text, {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")})
    if left_out:
        raise ValueError(f"docs/README.md names no {', '.join(sorted(left_out))}")
    config["nav"] = [{"Documents": "README.md"}, *navigation(text)]
    return config
