"""What the site of the documents is made of. `.ci/run` builds the site itself, without a warning."""

from __future__ import annotations

import re

import runlore
from runlore import registry
from site_nav import DOCS, missing, navigation


def pages() -> set[str]:
    return {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_the_list_of_documents_names_every_page_once_and_no_other():
    text = (DOCS / "README.md").read_text("utf-8")
    named = [
        path
        for section in navigation(text)
        for entries in section.values()
        for page in entries
        for path in page.values()
    ]
    assert sorted(named) == sorted(pages() - {"README.md"})


def test_a_page_that_is_not_named_is_found():
    assert missing("- [A](a.md)", {"a.md", "b.md", "README.md"}) == {"b.md"}


def test_every_public_name_has_its_docstring_on_the_site():
    text = (DOCS / "reference/docstrings.md").read_text("utf-8")
    named = set(re.findall(r"^::: runlore\.([\w.]+)$", text, re.MULTILINE))
    public = {name for name in runlore.__all__ if not name.startswith("__")} - {"registry"}
    assert public | {f"registry.{name}" for name in registry.__all__} <= named
