"""What is said of a card after it was registered: events that are added to it, by any number of processes at once.

Each function returns the card as it is then. The latest word wins; nothing that was said before is lost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runlore.errors import InvalidName, WrongType
from runlore.names import check_key, is_uid
from runlore.registry.best import metric_of
from runlore.registry.finding import get_uid, list_cards, run_uid
from runlore.registry.registering import check_tag, log_link
from runlore.store import cards as files
from runlore.versions import Version

if TYPE_CHECKING:
    from runlore.registry.card import Card
    from runlore.run import Run

_VERSION_LIKE = re.compile(r"[~^]?v?\d[\d.*]*").fullmatch
_RESERVED = frozenset({"latest", "*"})


def alias(card: Card, name: str) -> Card:
    """Give a version an alias, such as `champion`. Of all versions of a name, the last one that took it has it.

    Raises:
        InvalidName: it could be taken for a version: `latest`, `1.2`, `^1`.

    Example:
        >>> from runlore import registry
        >>> old, new = (registry.register("model", "nlp", "sentiment") for _ in range(2))
        >>> for card in (old, new):
        ...     _ = registry.alias(card, "champion")
        >>> registry.get("model", "nlp", "sentiment", "champion").version, registry.get_uid(old.uid).aliases
        ('0.2.0', ())
    """
    check_key(name, "alias")
    is_version = name in _RESERVED or _VERSION_LIKE(name) or _is_version(name) or metric_of(name) is not None
    if is_version or "@" in name or "/" in name:
        raise InvalidName(f"alias={name!r} could be taken for a version or a path; choose a word such as 'champion'")
    return _add(card, [(files.ALIAS, name, True)], everywhere=True)


def remove_alias(card: Card, name: str) -> Card:
    """Take an alias from a version. Nothing happens to another version that has it meanwhile."""
    check_key(name, "alias")
    current = get_uid(card.uid, store=card.store)
    if name not in current.aliases:
        return current
    return _add(card, [(files.ALIAS, name, False)], everywhere=True)


def tag(card: Card, key: str, value: Any = "") -> Card:
    """Set a tag; None removes it.

    Raises:
        WrongType: the value is no text, number or bool.
    """
    if value is not None:
        check_tag(key, value)
    return _add(card, [(files.TAG, key, None if value is None else str(value))])


def note(card: Card, text: str | None) -> Card:
    """Say something of a card to people, in Markdown if you like; None removes it."""
    if text is not None and not isinstance(text, str):
        raise WrongType(f"text={text!r} must be text")
    return _add(card, [(files.NOTE, "note", text)])


def stage(card: Card, name: str | None) -> Card:
    """Say where a card stands: `staging`, `production`, `archived`, or a word of your own; None: nowhere.

    Several versions may stand at one stage; for "this one and no other" use an alias.
    """
    if name is not None:
        check_key(name, "stage")
    return _add(card, [(files.STAGE, "stage", name)])


def delete(card: Card) -> Card:
    """Delete a card. It is not found or listed any more; its version is never given out again. `restore` undoes it.

    Its contents stay in the store while something refers to them.
    """
    return _add(card, [(files.DELETED, "deleted", True)])


def restore(card: Card) -> Card:
    """Undo `delete`."""
    return _add(card, [(files.DELETED, "deleted", False)])


def use(card: Card, run: Run | str) -> Card:
    """Record that a run used a card: a model that it started from, data that it trained on.

    Args:
        card: what was used.
        run: the run's handle, which records the link as an event too; or its uid, the beginning of it, or
            `experiment#number`.

    Raises:
        RunNotFound: no run is called so.

    Example:
        >>> import runlore
        >>> from runlore import registry
        >>> data = registry.register("data", "iris", "flowers")
        >>> with runlore.start("iris") as run:
        ...     _ = registry.use(data, run)
        >>> [str(card) for card in registry.lineage(run.uid).ancestors]
        ['data/iris/flowers@0.1.0']
    """
    uid = run_uid(run, card.store) if isinstance(run, str) else getattr(run, "uid", "")
    if not is_uid(uid):
        raise InvalidName(f"run={run!r} must be a run, or a text that names one")
    if not isinstance(run, str):
        log_link(run, card, "input")
    return _add(card, [(files.USE, uid, "input")])


def _is_version(name: str) -> bool:
    from runlore.errors import InvalidArgument

    try:
        Version.parse(name)
    except InvalidArgument:
        return False
    return True


def _add(card: Card, facts: list[tuple[str, str, Any]], *, everywhere: bool = False) -> Card:
    """Add facts that win over what was said before: of this version, or of all versions of the name.

    What is known of the card says which time is late enough; where somebody with a fast clock was heard meanwhile, the
    facts are added once more.
    """
    for kind, key, _ in facts:
        check_key(key, kind)
    said = [card.updated_ns]
    if everywhere:
        versions = list_cards(kind=card.kind, space=card.space, name=card.name, deleted=True, store=card.store)
        said += [known.updated_ns for known in versions]
    time = card.store.annotate_card(card.card_name, card.version, card.uid, facts, after_ns=max(said))
    found = get_uid(card.uid, store=card.store)
    if found.updated_ns > time:
        card.store.annotate_card(card.card_name, card.version, card.uid, facts, after_ns=found.updated_ns)
        found = get_uid(card.uid, store=card.store)
    return found
