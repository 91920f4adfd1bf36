"""Copying runs and contents from one store to another, so that a crash leaves nothing half-done in sight."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, BinaryIO

from runlore.errors import DamagedFile, NotStored, RunNotFound
from runlore.files import check_path, is_directory, is_regular, open_binary, sync_path
from runlore.journal.copying import copy_journal
from runlore.journal.decode import CLOSED, Context, read_pieces
from runlore.journal.folder import JOURNAL, is_journal, journal_path
from runlore.model import new_uid
from runlore.store.journal_files import journal_paths
from runlore.store.seal_lock import sealing
from runlore.store.sealed.combining import adopt_sealed, combine_sealed
from runlore.store.sealed.files import EVENTS, METRICS, Sealed, Superseded, identity, open_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runlore.store import DirectoryStore
    from runlore.store.seal_lock import Lock

_PIECE_BYTES = 1 << 20
_PATIENCE_S = 30.0
_ATTEMPTS = 50
"""To copy a run while others seal it, which they do once."""
_DAMAGED = "damaged"


def copy_file(source: str, target: str, *, durable: bool) -> None:
    """Copy a regular file into a new one. No link is followed.

    Args:
        source: the file.
        target: where it is to be.
        durable: have it on the disk.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFile: it is something else.
        OSError: it cannot be read, or the disk does not take it.
    """
    with open_binary(source) as there, open(target, "xb") as here:
        shutil.copyfileobj(there, here, _PIECE_BYTES)
        here.flush()
        if durable:
            os.fsync(here.fileno())


def put_journal(source: str, target: str, announce: Callable[[], None]) -> None:
    """Copy a journal beside its place, then put it there by one rename, which replaces what was there.

    It is on the disk then.

    Args:
        source: the journal.
        target: its place.
        announce: lets readers know that something changes. Called just before the rename too: a process that is killed
            right after it leaves directories whose times readers have not seen, or are too young to be trusted.
    """
    temporary = f"{target}.{new_uid()}.tmp"
    try:
        copy_journal(source, temporary, durable=True)
        announce()
        os.replace(temporary, target)
        announce()
        sync_path(os.path.dirname(target))
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def copy_blob(source: BinaryIO, digest: str, target: str, blobs_root: str) -> int | None:
    """Copy contents, checking that they are what their name says. Returns their size; None: they are there already.

    They are on the disk then, and so is their name: the run that refers to them may be from now on.

    Args:
        source: the contents.
        digest: SHA-256 that they must have.
        target: where they belong.
        blobs_root: the directory of contents of the store that gets them.

    Raises:
        DamagedFile: they have another SHA-256, or a directory is in their place.
    """
    if is_regular(target) and os.path.getsize(target) == os.fstat(source.fileno()).st_size:
        return None
    check_path(os.path.dirname(blobs_root), os.path.relpath(os.path.dirname(target), os.path.dirname(blobs_root)))
    if is_directory(target):
        raise DamagedFile(f"{target!r} is a directory where contents should be; they were not copied")
    folder = os.path.dirname(target)
    is_new = not os.path.isdir(folder)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(blobs_root, f"{new_uid()}.tmp")
    actual = hashlib.sha256()
    try:
        with open(temporary, "xb") as here:
            while piece := source.read(_PIECE_BYTES):
                actual.update(piece)
                here.write(piece)
            size = here.tell()
            here.flush()
            os.fsync(here.fileno())
        if actual.hexdigest() != digest:
            raise DamagedFile(f"the contents {digest} are not what their name says; they were not copied")
        os.replace(temporary, target)
        sync_path(folder)
        if is_new:
            sync_path(blobs_root)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return size


def copy_run(
    source: str, target: str, aside: str, *, durable: bool, first: Callable[[str], None] | None = None
) -> list[str]:
    """Copy a run that may be written and sealed meanwhile: a state that it was in, not a mixture.

    Only files that a run has are copied. Where something else is in the place of one, it is left out.

    Args:
        source: the run's directory.
        target: where it is to be, and is not yet.
        aside: a place on the target's file system that does not exist.
        durable: have the copy on the disk before it is in its place.
        first: called with `aside` when the copy is whole, before it is in its place.

    Returns:
        What was left out, relative to the run's directory.

    Raises:
        RunNotFound: it was removed meanwhile.
        DamagedFile: its sealed files are not what they should be.
    """
    for _ in range(_ATTEMPTS):
        before = identity(source)
        try:
            left_out = _copy_files(source, aside, durable=durable)
        except (FileNotFoundError, Superseded):
            if not is_directory(source):
                raise RunNotFound(f"the run {source!r} was removed while it was copied") from None
        else:
            if identity(source) == before:
                if first is not None:
                    first(aside)
                os.rename(aside, target)
                if durable:
                    sync_path(os.path.dirname(target))
                return left_out
        shutil.rmtree(aside)
    raise DamagedFile(f"the run {source!r} cannot be copied: its files vanish while they are read. Nothing was changed")


def _copy_files(source: str, aside: str, *, durable: bool) -> list[str]:
    os.makedirs(os.path.join(aside, JOURNAL))
    left_out: list[str] = []
    for folder in (JOURNAL, _DAMAGED):
        left_out += copy_journals(source, aside, folder, durable=durable)
    run = open_sealed(source)
    if run is not None:
        try:
            with run.metrics() as metrics:
                copy_file(metrics.path, os.path.join(aside, METRICS), durable=durable)
            copy_file(run.path, os.path.join(aside, EVENTS), durable=durable)
        finally:
            run.close()
    if durable:
        sync_path(aside)
    return left_out


def copy_journals(source: str, target: str, folder: str, *, durable: bool) -> list[str]:
    """Copy the journals in a folder of a run or card into a new directory; what was left out."""
    place, new = os.path.join(source, folder), os.path.join(target, folder)
    if not is_directory(place):
        return [folder] if os.path.lexists(place) else []
    os.makedirs(new, exist_ok=True)
    left_out = []
    for name in sorted(os.listdir(place)):
        if not is_journal(name):
            continue
        copy = copy_journal if folder == JOURNAL else copy_file
        try:
            copy(os.path.join(place, name), os.path.join(new, name), durable=durable)
        except DamagedFile:
            left_out.append(f"{folder}/{name}")
    if durable:
        sync_path(new)
    return left_out


def _sealed_extents(run: Sealed) -> dict[str, float]:
    return {
        writer: math.inf if about["state"] == CLOSED else float(Context.load(about["context"]).offset)
        for writer, about in run.writers.items()
    }


def _extents(directory: str, run: Sealed | None) -> dict[str, float]:
    """How far each writer's records go in this copy of the run, in journals or sealed files; infinite: to the end."""
    found = {} if run is None else _sealed_extents(run)
    for writer, path in journal_paths(directory):
        if found.get(writer) != math.inf:
            found[writer] = max(found.get(writer, -1), _extent(path))
    return found


def _extent(path: str) -> float:
    """How far the records of a journal go. Of two that go equally far, one that has no damage goes further."""
    damage = []
    for chunk in read_pieces(path):
        last = chunk
        damage += chunk.damage
    if damage:
        return last.context.offset - 0.5
    return math.inf if last.state == CLOSED else last.context.offset


def merge_run(store: DirectoryStore, source: str, target: str) -> bool:
    """Add what another copy of a run has. Returns whether there was anything.

    Raises:
        NotStored: the run is being sealed for too long, or another process took the lock for it over.
    """
    theirs = open_sealed(source)
    try:
        with _locked(target) as lock:
            return _merge(store, source, target, theirs, lock)
    finally:
        if theirs is not None:
            theirs.close()


@contextmanager
def _locked(target: str) -> Iterator[Lock]:
    deadline = monotonic() + _PATIENCE_S
    while True:
        with sealing(target) as lock:
            if lock is not None:
                yield lock
                return
        if monotonic() > deadline:
            raise NotStored(f"the run {target!r} is being sealed by somebody else; merge again later. It is as it was")
        sleep(0.05)


def _merge(store: DirectoryStore, source: str, target: str, theirs: Sealed | None, lock: Lock) -> bool:
    ours = open_sealed(target)
    try:
        known = _extents(target, ours)
        changed = False
        for writer, path in journal_paths(source):
            extent = _extent(path)
            if extent > known.get(writer, -1):
                place = journal_path(store.journal_directory(target), writer)
                put_journal(path, place, lambda: store.touch_run(target))
                known[writer] = extent
                changed = True
        if theirs is not None:
            changed = _merge_sealed(target, ours, theirs, known, lock) or changed
        return changed
    finally:
        if ours is not None:
            ours.close()


def _merge_sealed(target: str, ours: Sealed | None, theirs: Sealed, known: dict[str, float], lock: Lock) -> bool:
    """Take in sealed files: as they are where they have all that is sealed here, else combined with those."""
    further = _sealed_extents(theirs)
    if all(extent <= known.get(writer, -1) for writer, extent in further.items()):
        return False
    own = {} if ours is None else _sealed_extents(ours)
    if all(extent <= further.get(writer, -1) for writer, extent in own.items()):
        adopt_sealed(theirs, target, lock)
    elif ours is not None:
        chosen = {writer: theirs for writer in further if further[writer] > own.get(writer, -1)}
        combine_sealed(target, {**dict.fromkeys(own, ours), **chosen}, lock)
    return True
