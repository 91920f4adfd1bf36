"""Cards on disk: `cards/<kind>/<space>/<name>/<version>/`, claimed by exclusive mkdir, complete once `card.json` is.

    <version>/
       card.json         what was registered; renamed into place, never changed
       journal/*.rlj     what was said of the card since: aliases, tags, notes, stage, uses, deletion

A version directory without `card.json` is a claim: of a registration under way, or of one that died. Readers do not see
it, and its version is never given out again. A card's directory can be copied and merged with another copy of itself:
the union of both journals is what both say.
"""

from __future__ import annotations

import errno
import json
import os
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from runlore.config import journal_mode
from runlore.errors import (
    AlreadyExists,
    DamagedFile,
    InvalidArgument,
    InvalidName,
    NotStored,
    ReadOnlyStore,
    UnsupportedFormat,
)  # fmt: skip
from runlore.files import check_directory, directory_problem, problem_of, refuse_others
from runlore.journal import open_journal
from runlore.journal.folder import JOURNAL, journals_in
from runlore.journal.values import to_bytes
from runlore.json_files import read_json
from runlore.model import new_uid
from runlore.names import check_key, check_path_name, encode
from runlore.store.card_about import FORMAT, check_about
from runlore.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runlore.journal.decode import Event
    from runlore.store import DirectoryStore

CARD_FILE = "card.json"

ALIAS = "alias"
"""Key: the alias; value: whether this version took it (true) or gave it up (false)."""
TAG = "tag"
NOTE = "note"
STAGE = "stage"
USE = "use"
"""A run used the card. Key: the run's uid."""
DELETED = "deleted"
"""Value: whether the card is deleted; false restores it."""


class CardName(NamedTuple):
    """What a card is called, without its version."""

    kind: str
    space: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.space}/{self.name}"

    def check(self) -> CardName:
        """The name itself.

        Raises:
            WrongType, InvalidName: a part is no name: empty, `..`, with a control character; a `/` in kind or name.
        """
        for argument, part in zip(self._fields, self, strict=True):
            check_path_name(part, argument)
            if "/" in part and argument != "space":
                raise InvalidName(f"{argument}={part!r}: '/' is possible in a space only")
        return self

    def directory(self, root: str) -> str:
        """Where its versions are; each part is one component of the path."""
        return os.path.join(root, *map(encode, self))


class CardState(NamedTuple):
    """All that a card's directory says."""

    about: dict[str, Any]
    """The contents of card.json."""
    events: list[Event]
    """What was said since, oldest first."""
    settled: bool
    """No living process is adding to it."""
    damage: list[str]


def cards_root(store: DirectoryStore) -> str:
    """The directory under which cards are."""
    return store.cards_root


def versions_taken(directory: str) -> list[Version]:
    """Every version of a name that was ever claimed, also by registrations that died and by deleted cards.

    Raises:
        DamagedFile: no directory is in its place, but something else.
    """
    check_directory(directory)
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [version for version in map(version_of, names) if version is not None]


def version_of(component: str) -> Version | None:
    """The version that a directory is named after; None for what is none."""
    try:
        return Version.parse(unquote(component))
    except InvalidArgument:
        return None


def claim(directory: str, choose: Callable[[Sequence[Version]], Version]) -> Version:
    """Claim a version of a name for this registration alone. Of processes that claim at once, each gets another one.

    Args:
        directory: of the name; made if need be.
        choose: gets all versions that are taken; gives the one to claim. Called again when another was faster.

    Raises:
        AlreadyExists: it chose one that is taken.
        ReadOnlyStore: the store cannot be written to.
    """
    try:
        os.makedirs(directory, exist_ok=True)
        while True:
            taken = versions_taken(directory)
            version = choose(taken)
            try:
                os.mkdir(os.path.join(directory, encode(str(version))))
            except FileExistsError:
                if version in taken:
                    raise _taken(directory, version) from None
                continue
            return version
    except OSError as error:
        if isinstance(error, AlreadyExists) or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise ReadOnlyStore(
            f"no card can be registered in {directory!r}: {error.strerror}. Name a store that you can write to"
        ) from error


def _taken(directory: str, version: Version) -> AlreadyExists:
    place = os.path.join(directory, encode(str(version)))
    what = "is taken" if os.path.exists(os.path.join(place, CARD_FILE)) else "was claimed by another registration"
    latest = max(versions_taken(directory))
    return AlreadyExists(
        f"version={str(version)!r} {what}, and versions are never given out twice; the latest is {latest}. Nothing was "
        "registered. Leave the version out to get the next one"
    )


def complete(directory: str, about: Mapping[str, Any]) -> None:
    """Make a claimed version a card: all of card.json is there, or none of it, also after a loss of power.

    Raises:
        OSError: the disk did not take it. The version stays claimed.
    """
    path = os.path.join(directory, CARD_FILE)
    temporary = f"{path}.{new_uid()}.tmp"
    try:
        with open(temporary, "w", encoding="ascii") as file:
            json.dump({"format": FORMAT, **about}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    touch(directory)


def touch(directory: str) -> None:
    """Let readers know that something changed in a version's directory."""
    now = time_ns()
    os.utime(directory, ns=(now, now))
    os.utime(os.path.dirname(directory), ns=(now, now))


def append(directory: str, uid: str, facts: Iterable[tuple[str, str, Any]], *, after_ns: int = 0) -> int:
    """Record facts of a card: (kind, key, value) each, in a journal of their own, all at one time.

    Args:
        directory: of the card's version.
        uid: of the card.
        facts: what to record; values as JSON.
        after_ns: they get a later time than this one, so that they win over what the caller has read.

    Returns:
        The time that they got.

    Raises:
        WrongType, InvalidArgument: a value cannot be stored.
        NotStored: the disk did not take them.
        ReadOnlyStore: the store cannot be written to.
        DamagedFile: a link, or a file, is in the place of the journals' directory.
    """
    facts = list(facts)
    for kind, key, value in facts:
        check_key(key, kind)
        to_bytes(value, f"{kind} {key!r}")
    journals = os.path.join(directory, JOURNAL)
    check_directory(journals)
    time = max(time_ns(), after_ns + 1)
    try:
        os.makedirs(journals, exist_ok=True)
        journal = open_journal(journals, uid, journal_mode(), fsync=True)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ReadOnlyStore(f"nothing was recorded of the card {uid}: {journals!r}: {error.strerror}") from error
        raise
    try:
        touch(directory)  # a reader that comes now finds an open journal, and looks again
        for kind, key, value in facts:
            journal.event(kind, key, value, time_ns=time)
    finally:
        lost = journal.lost
        journal.close()
    if lost:
        raise NotStored(f"{lost} of {len(facts)} facts could not be added to the card {uid}: the disk is full")
    return time


def read_card(directory: str) -> CardState | None:
    """All that a version's directory says; None where no registration was completed.

    What is damaged, or may not be read, is damage: it does not hide the other cards from readers.
    """
    problem = ""
    about: dict[str, Any] = {}
    path = os.path.join(directory, CARD_FILE)
    try:
        about = read_json(path)
        check_about(about)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return CardState({}, [], False, [f"{CARD_FILE} cannot be read: {error.strerror or error}"])
    except DamagedFile as error:
        about, problem = {}, f"{CARD_FILE} {problem_of(error, path)}"
    except (ValueError, KeyError, TypeError) as error:
        about, problem = {}, f"{CARD_FILE} is damaged: {error}"
    events, settled, damage = _read_journals(os.path.join(directory, JOURNAL))
    return CardState(about, events, settled, [problem, *damage] if problem else damage)


def _read_journals(directory: str) -> tuple[list[Event], bool, list[str]]:
    from runlore.journal import liveness
    from runlore.journal.decode import CLOSED, read

    found: list[tuple[int, str, int, Event]] = []
    damage: list[str] = []
    settled = True
    problem = directory_problem(directory)
    if problem is not None:
        damage.append(f"{JOURNAL}/ {problem}")
    for _, path in journals_in(directory) if problem is None else ():
        name = os.path.basename(path)
        try:
            refuse_others(path)
            chunk = read(path)
            if chunk.state != CLOSED:
                alive, _ = liveness.is_alive(path, chunk.context.header)
                settled = settled and not alive
                chunk = chunk if alive else read(path)  # a writer that is dead now wrote all that it ever will
        except (DamagedFile, UnsupportedFormat) as error:
            damage.append(str(error))
            continue
        except OSError as error:
            damage.append(f"{name} cannot be read: {error.strerror or error}")
            settled = False
            continue
        damage.extend(f"{name}: {item.reason}, at {item.offset:,}" for item in chunk.damage)
        found.extend((event.time_ns, name, event.sequence, event) for event in chunk.events)
    found.sort(key=lambda item: item[:3])
    return [item[3] for item in found], settled, damage
