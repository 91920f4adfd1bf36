"""Looking for damage in a store: journals, Parquet files, contents, cards, numbers, names, catalog; and repairing some.

A crash is no damage: a torn tail, a run without an end, a claim of a number that no run has or of a card's version that
was never registered are states that readers know. A repair is safe: nothing that was recorded is changed or removed.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from runlore.errors import DamagedFile, RunloreError
from runlore.files import is_directory, open_binary, problem_of
from runlore.housekeeping import numbering
from runlore.housekeeping.catalog_check import differing_runs
from runlore.housekeeping.entries import strange_entries
from runlore.housekeeping.references import referred
from runlore.model import ARTIFACT, new_uid
from runlore.opening import directory_catalog
from runlore.store import claims, format_file
from runlore.store.annotate import REMOVED
from runlore.store.content import journals, read_events, read_points
from runlore.store.directory import in_files
from runlore.store.keeping import EXAMINE, SelfKeeping
from runlore.store.listing import list_entries, survey_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.reader.session import Session
    from runlore.store import DirectoryStore

_PIECE_BYTES = 1 << 20
_DIGEST_CHARACTERS = 64
_ABOUT_CONTENTS = frozenset({ARTIFACT, REMOVED})


class Finding(NamedTuple):
    """Something that is not as it should be.

    Attributes:
        what: `format`, `entry`, `journal`, `sealed`, `contents`, `card`, `claim`, `number` or `catalog`.
        where: a path relative to the store, or a run's uid.
        problem: in words.
        remedy: what was done, or what to do.
        repaired: whether it is well now.
    """

    what: str
    where: str
    problem: str
    remedy: str
    repaired: bool


def examine(
    session: Session, *, repair: bool = False, quick: bool = False, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Look for damage in the whole store.

    Args:
        session: the store, up to date.
        repair: repair what can be repaired safely.
        quick: do not read contents and points again, nor build a second catalog to compare with.
        progress: called with (steps done, steps to do).

    Returns:
        What was found; empty when all is well.
    """
    if isinstance(session.store, SelfKeeping):
        found = session.store.keep(EXAMINE, progress, repair=repair, quick=quick)["findings"]
        return [Finding(**item) for item in found]
    store = in_files(session.store, "looking for damage")
    directories = survey_runs(store.runs_root).directories
    blobs = [] if quick else list(_blob_paths(store))
    total = len(directories) + len(blobs)
    findings = [*_examine_format(store, repair=repair), *_examine_entries(store), *_second_places(store, directories)]
    wanted: dict[str, str] = {}
    for index, directory in enumerate(directories):
        findings += _examine_run(store, directory, wanted, quick=quick)
        if progress is not None:
            progress(index + 1, total)
    for index, path in enumerate(blobs):
        findings += _examine_blob(store, path, repair=repair)
        if progress is not None:
            progress(len(directories) + index + 1, total)
    findings += _missing(store, wanted)
    findings += _examine_cards(store)
    findings += _examine_claims(store, repair=repair)
    findings += _examine_numbers(session, repair=repair)
    findings += [] if quick else _examine_catalog(session, repair=repair)
    return _without_repetitions(findings)


def _without_repetitions(findings: list[Finding]) -> list[Finding]:
    """An entry of which something more is said is not named twice."""
    said = set()
    for item in findings:
        if item.what != "entry":
            said |= {item.where, f"{item.where}/{item.problem.partition(' ')[0]}"}
    return [item for item in findings if item.what != "entry" or item.where not in said]


# -- the store itself -----------------------------------------------------------------------------------------------


def _examine_format(store: DirectoryStore, *, repair: bool) -> list[Finding]:
    problem = format_file.problem(store.root)
    if problem is None:
        return []
    if repair:
        format_file.repair(store.root)
    remedy = "written anew; what was there is beside it" if repair else "--repair writes it anew"
    return [Finding("format", "format", problem, remedy, repaired=repair)]


def _examine_entries(store: DirectoryStore) -> list[Finding]:
    """What is in the place of a file or directory, and is none."""
    return [_lasting("entry", where, problem, _REMOVE) for where, problem in strange_entries(store.root)]


_REMOVE = "it is left out, and nothing behind it is read; remove it, or put back from a copy what should be there"


def _second_places(store: DirectoryStore, directories: list[str]) -> Iterator[Finding]:
    """Runs that are there twice, as an experiment's directory is that was copied by hand."""
    places: dict[str, list[str]] = {}
    for directory in directories:
        places.setdefault(os.path.basename(directory), []).append(os.path.relpath(directory, store.root))
    for found in places.values():
        first, *others = sorted(found)
        for where in others:
            yield _lasting("entry", where, f"is the run that {first} is", _SECOND)


_SECOND = "it is left out; remove one of them, or keep both in stores of their own"


# -- runs -----------------------------------------------------------------------------------------------------------


def _examine_run(store: DirectoryStore, directory: str, wanted: dict[str, str], *, quick: bool) -> list[Finding]:
    """Damage in one run's files. Adds the digests that it refers to, with its uid, to `wanted`."""
    uid = os.path.basename(directory)
    where = os.path.relpath(directory, store.root)
    findings = []
    try:
        for state in journals(directory):
            path = os.path.relpath(state.path, store.root)
            if state.header and state.header.get("uid") != uid:
                findings.append(_lasting("journal", path, f"belongs to the run {state.header.get('uid')}", _ELSEWHERE))
            findings += [
                _lasting("journal", path, f"{item.reason}, at {item.offset:,} ({item.length:,} bytes)", _UNREADABLE)
                for item in state.damage
            ]
        events = read_events(directory)
        if not quick:
            read_points(directory)
    except (RunloreError, OSError) as error:
        return [*findings, _lasting("sealed", where, str(error), "put the run's files back from a copy of the store")]
    wanted.update(dict.fromkeys(referred(event for event in events if event.kind in _ABOUT_CONTENTS), uid))
    return findings


_UNREADABLE = "everything else in it is read; nothing can bring these bytes back, except a copy of the file"
_ELSEWHERE = "move it into the directory of its own run"


def _lasting(what: str, where: str, problem: str, remedy: str) -> Finding:
    return Finding(what, where, problem, remedy, repaired=False)


# -- contents -------------------------------------------------------------------------------------------------------


def _blob_paths(store: DirectoryStore) -> Iterator[str]:
    if not is_directory(store.blobs_root):
        return
    for folder in sorted(list_entries(store.blobs_root).directories):
        place = os.path.join(store.blobs_root, folder)
        yield from (os.path.join(place, name) for name in sorted(os.listdir(place)) if len(name) == _DIGEST_CHARACTERS)


def _examine_blob(store: DirectoryStore, path: str, *, repair: bool) -> list[Finding]:
    """Contents whose hash is not their name are moved aside, so that the right ones can be put again."""
    try:
        actual = _hash(path)
    except FileNotFoundError:
        return []  # housekeeping removed it meanwhile
    except DamagedFile as error:
        return [_aside(store, path, problem_of(error, path), repair=repair)]
    except OSError as error:
        return [_lasting("contents", os.path.relpath(path, store.root), f"cannot be read: {error.strerror}", _DISK)]
    if actual == os.path.basename(path):
        return []
    problem = f"the contents have the SHA-256 {actual}, which is not their name: they were changed or damaged"
    return [_aside(store, path, problem, repair=repair)]


def _aside(store: DirectoryStore, path: str, problem: str, *, repair: bool) -> Finding:
    where = os.path.relpath(path, store.root)
    if not repair:
        return _lasting("contents", where, problem, "--repair moves it aside; then log or merge it again")
    place = f"{path}.damaged" if not os.path.lexists(f"{path}.damaged") else f"{path}.damaged-{new_uid()}"
    os.rename(path, place)
    moved = os.path.relpath(place, store.root)
    return Finding("contents", where, problem, f"moved to {moved}; log or merge it again", repaired=True)


_DISK = "look at the disk; a copy of the store may still have it"


def _hash(path: str) -> str:
    digest = hashlib.sha256()
    with open_binary(path) as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _missing(store: DirectoryStore, wanted: dict[str, str]) -> list[Finding]:
    return [
        _lasting(
            "contents",
            os.path.relpath(store.blob_path(digest), store.root),
            f"the run {uid} has an artifact with these contents, and they are not there",
            _ABSENT,
        )
        for digest, uid in sorted(wanted.items())
        if not os.path.lexists(store.blob_path(digest))
    ]


_ABSENT = "`runlore merge` from a store that has them, or copy the file"


# -- cards ----------------------------------------------------------------------------------------------------------


def _examine_cards(store: DirectoryStore) -> list[Finding]:
    from runlore.store.card_check import find_problems

    return [
        _lasting("card", item.where, item.problem, _ABSENT if item.contents else _FROM_A_COPY)
        for item in find_problems(store)
        if not item.harmless
    ]


_FROM_A_COPY = "put its directory back from a copy of the store; other cards are read, and none of them is hidden by it"


# -- names, numbers and catalog ------------------------------------------------------------------------------------


def _examine_claims(store: DirectoryStore, *, repair: bool) -> Iterator[Finding]:
    """Claims of names that cannot be read are moved aside: whoever has the name says so in its journal."""
    for where, problem in claims.strange_namespaces(store.root):
        yield _lasting("claim", where, problem, _REMOVE)
    for where in claims.every_claim(store.root):
        try:
            claims.claimed_at(store.root, where)
        except DamagedFile as error:  # noqa: PERF203 - one must not hide the others
            if repair:
                claims.set_aside(store.root, where)
            remedy = "moved aside; the name is free" if repair else "--repair moves it aside, and the name is free then"
            yield Finding("claim", f"claims/{where}", str(error).partition(". ")[0], remedy, repaired=repair)


def _examine_numbers(session: Session, *, repair: bool) -> list[Finding]:
    wrong = numbering.wrong_numbers(session)
    if not wrong:
        return []
    given = {item.uid: item.new for item in numbering.repair_numbers(session)} if repair else {}
    still = {item.uid for item in numbering.wrong_numbers(session)} if repair else set()
    findings = []
    for item in wrong:
        problem = f"run {item.experiment}#{item.old} does not hold the claim of its number"
        if item.old is None:
            problem = f"a run of {item.experiment} has no number"
        remedy = "--repair gives it a number of its own"
        if item.uid in still:
            remedy = "something is in the way in numbers/: remove that, then --repair again"
        elif repair:
            remedy = f"it is {item.experiment}#{given[item.uid]} now" if item.uid in given else "claimed for it now"
        findings.append(Finding("number", item.uid, problem, remedy, repaired=repair and item.uid not in still))
    return findings


def _examine_catalog(session: Session, *, repair: bool) -> list[Finding]:
    """Compare the catalog with one that is made anew. It is derived: making it anew is always safe."""
    differing = differing_runs(session)
    if not differing:
        return []
    store = in_files(session.store, "looking for damage")
    catalog = directory_catalog(store)
    where = os.path.relpath(catalog.path, store.root) if os.path.isabs(catalog.path) else catalog.path
    problem = f"says something else than the runs themselves about {len(differing)} of them, for example {differing[0]}"
    if repair:
        catalog.rebuild()
        session.refresh()
    return [Finding("catalog", where, problem, "made anew" if repair else "--repair makes it anew", repaired=repair)]
