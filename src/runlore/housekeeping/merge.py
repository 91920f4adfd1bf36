"""Two stores become one: what another store has is added to this one, runs, contents, cards and the names of runs.

A run that both stores have is the union of what both recorded, journal by journal: of two copies of one journal, the
one that goes further is kept. Nothing that this store has is replaced by less. Twice is the same as once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import (
    ArtifactNotFound,
    DamagedFile,
    InvalidArgument,
    ReadOnlyStore,
    RunloreError,
    RunNotFound,
    UnsupportedFormat,
)
from runlore.files import check_directory, check_path, sync_path
from runlore.housekeeping._copying import copy_blob, copy_file, copy_journals, copy_run, merge_run, put_journal
from runlore.housekeeping.claiming import Clash, take_claims
from runlore.housekeeping.garbage import INCOMING
from runlore.housekeeping.numbering import Renumbered, repair_numbers
from runlore.housekeeping.references import digests_in, referred
from runlore.journal.folder import JOURNAL, journal_path
from runlore.model import new_uid
from runlore.opening import open_store
from runlore.store.cards import CARD_FILE, cards_root, read_card, touch
from runlore.store.content import read_events
from runlore.store.directory import in_files
from runlore.store.journal_files import journal_paths
from runlore.store.listing import survey_cards, survey_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runlore.reader.session import Session
    from runlore.store import DirectoryStore
    from runlore.store.base import StoreLike


_MERGING = "merging (`runlore export --format runlore` and `runlore import` take runs from one server to another)"


class Merged(NamedTuple):
    """What a merge added.

    Attributes:
        added: uids of runs that are new here.
        extended: uids of runs that were here and have more now.
        unchanged: how many runs were here already, with all that the other store has.
        blobs: how many contents were copied.
        copied_bytes: of those contents.
        cards: how many versions of cards were copied.
        conflicts: versions of cards that mean different things here and there; the other store's were left out.
        damaged: what of the other store was left out: digests of contents that are not what their name says, and places
            of runs and claims that cannot be read.
        renumbered: runs that got another number here.
        claims: how many names that users chose, such as a dialect's ids, are claimed here now.
        clashes: names that mean other runs here and there; here they keep their meaning.
    """

    added: list[str]
    extended: list[str]
    unchanged: int
    blobs: int
    copied_bytes: int
    cards: int
    conflicts: list[str]
    damaged: list[str]
    renumbered: list[Renumbered]
    claims: int
    clashes: list[Clash]


def merge(
    session: Session, other: StoreLike, *,
    progress: Callable[[int, int], None] | None = None,
) -> Merged:  # fmt: skip
    """Add everything that another store has to this one. The other store is only read.

    Runs that are being recorded in the other store are copied as far as they are; merge again later.

    Args:
        session: this store.
        other: the other store.
        progress: called with (runs and cards done, to do).

    Raises:
        StoreNotFound: there is no other store.
        InvalidArgument: it is this one.
        ReadOnlyStore: this store cannot be written to.
    """
    store, source = (in_files(place, _MERGING) for place in (session.store, open_store(other)))
    if os.path.realpath(source.root) == os.path.realpath(store.root):
        raise InvalidArgument(f"{source.root!r} is the store itself; name another one")
    if not os.access(store.root, os.W_OK):
        raise ReadOnlyStore(f"the store {store.root!r} cannot be written to; nothing was merged")
    runs, cards = survey_runs(source.runs_root), survey_cards(cards_root(source))
    result = Merged([], [], 0, 0, 0, 0, [], [], [], 0, [])
    result.damaged.extend(stranger.where for stranger in (*runs.strangers, *cards.strangers))
    places = {os.path.basename(known): known for known in survey_runs(store.runs_root).directories}
    directories = (*runs.directories, *cards.directories)
    for index, directory in enumerate(directories):
        try:
            if index < len(runs.directories):
                result = _take_run(store, source, directory, places, result)
            else:
                result = _take_card(store, source, directory, result)
        except (RunloreError, OSError) as error:
            if not _is_damage(error, source):
                raise
            result.damaged.append(os.path.relpath(directory, source.root))
        if progress is not None:
            progress(index + 1, len(directories))
    session.refresh()
    renumbered = repair_numbers(session)
    names = take_claims(session, source.root)
    damaged = [*result.damaged, *names.damaged]
    return result._replace(damaged=damaged, renumbered=renumbered, claims=names.taken, clashes=names.clashes)


def _is_damage(error: Exception, source: DirectoryStore) -> bool:
    """Whether the error is the fault of one entry: it costs the others nothing. Else this store takes nothing more."""
    if isinstance(error, OSError) and error.filename is not None:
        return os.fsdecode(error.filename).startswith(f"{source.root}/")
    return isinstance(error, (DamagedFile, UnsupportedFormat, RunNotFound))


def _take_contents(store: DirectoryStore, source: DirectoryStore, digests: Iterable[str], result: Merged) -> Merged:
    """Copy contents before what refers to them comes."""
    for digest in sorted(digests):
        try:
            with source.open_content(digest) as content:
                size = copy_blob(content, digest, store.blob_path(digest), store.blobs_root)
        except ArtifactNotFound:
            continue  # removed there, or lost: `doctor` tells
        except (DamagedFile, PermissionError) as error:
            if not _is_damage(error, source):
                raise
            result.damaged.append(digest)
            continue
        if size is not None:
            result = result._replace(blobs=result.blobs + 1, copied_bytes=result.copied_bytes + size)
    return result


def _take_run(
    store: DirectoryStore, source: DirectoryStore, directory: str, places: dict[str, str], result: Merged
) -> Merged:  # fmt: skip
    """Take in a run: into the place where the store has it, also where that is another experiment's by now."""
    uid = os.path.basename(directory)
    where = os.path.relpath(directory, source.root)
    target = places.setdefault(uid, os.path.join(store.root, where))
    check_path(store.root, os.path.relpath(target, store.root))
    known = os.path.isdir(target)
    events = [
        *read_events(directory),
        *(read_events(target) if known else ()),
    ]  # what was removed here on purpose stays so
    seen = set(referred(events))
    result = _take_contents(store, source, seen, result)
    may_grow = any(True for _ in journal_paths(directory))

    def take_more(copy: str) -> None:
        """Contents that were logged since the events were read: what is copied of a live journal may refer to them."""
        nonlocal result
        if may_grow:
            result = _take_contents(store, source, set(referred(read_events(copy))) - seen, result)

    if not known:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        aside = os.path.join(_incoming(store), new_uid())
        left_out = copy_run(directory, target, aside, durable=True, first=take_more)
        result.damaged.extend(f"{where}/{item}" for item in left_out)
        result.added.append(uid)
        return result
    if merge_run(store, directory, target):
        take_more(target)
        store.touch_run(target)
        result.extended.append(uid)
        return result
    return result._replace(unchanged=result.unchanged + 1)


def _incoming(store: DirectoryStore) -> str:
    """Where copies are until they are whole."""
    place = os.path.join(store.root, INCOMING)
    check_directory(place)
    os.makedirs(place, exist_ok=True)
    return place


# -- cards ----------------------------------------------------------------------------------------------------------


def _take_card(store: DirectoryStore, source: DirectoryStore, directory: str, result: Merged) -> Merged:
    """Copy a version that is new here; add what was said of one that both have. A claim that is no card stays there."""
    state = read_card(directory)
    if state is None:
        return result
    if not state.about:
        raise DamagedFile(f"{directory!r}: {state.damage[0]}")
    where = os.path.relpath(directory, source.root)
    target = os.path.join(store.root, where)
    check_path(store.root, where)
    result = _take_contents(store, source, digests_in(directory), result)
    if not os.path.isdir(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        aside = os.path.join(_incoming(store), new_uid())
        os.mkdir(aside)
        copy_file(os.path.join(directory, CARD_FILE), os.path.join(aside, CARD_FILE), durable=True)
        left_out = copy_journals(directory, aside, JOURNAL, durable=True)
        sync_path(aside)
        os.rename(aside, target)
        sync_path(os.path.dirname(target))
        result.damaged.extend(f"{where}/{item}" for item in left_out)
        return result._replace(cards=result.cards + 1)
    here = read_card(target)
    if here is None or here.about != state.about:
        result.conflicts.append(where)
        return result
    for writer, path in journal_paths(directory):
        place = journal_path(os.path.join(target, JOURNAL), writer)
        if not os.path.lexists(place):
            check_directory(os.path.dirname(place))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            put_journal(path, place, lambda: touch(target))
    return result
