"""A copy of all that a server keeps: the store and the accounts, taken while it works, and brought back.

A backup is a directory: `store/` is a store like any other, which `runlore` reads; `accounts.sqlite` has the accounts;
`backup.json`, written last, says when it was whole. Taking it again into the same directory brings what is new, since
runs are added to it as by `merge`: only what is not there yet is copied, every content is checked against its digest,
and every run is one state that it was in. What was removed from the server for good stays in the backup.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from runlore._version import __version__
from runlore.errors import AlreadyExists, DamagedFile, InvalidArgument, NotFound
from runlore.files import sync_path
from runlore.housekeeping._copying import copy_file
from runlore.housekeeping.merge import merge
from runlore.json_files import read_json
from runlore.model import new_uid
from runlore.reader.session import Session
from runlore.store import open_store
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlore.housekeeping.merge import Merged

STORE, ACCOUNTS, MANIFEST = "store", "accounts.sqlite", "backup.json"
FORMAT = 1
_DOING = "backing up (`runlore export --format runlore` takes runs out of a server)"
_NUMBERS = "numbers"
_OWNER_ONLY = 0o700


class Taken(NamedTuple):
    """What was copied.

    Attributes:
        merged: of the store.
        accounts: whether accounts were copied too.
    """

    merged: Merged
    accounts: bool


def back_up(
    store: str, accounts: str | None, directory: str, *, progress: Callable[[int, int], None] | None = None
) -> Taken:
    """Copy a store and the accounts of its server into a directory, or bring what is new since the last time.

    The server may work meanwhile. What was confirmed before this was called is in the copy, on the disk, when this
    returns; of what comes meanwhile, each run has some beginning.

    Args:
        store: the directory of the store.
        accounts: the SQLite file of the accounts; None: there are none, or they are elsewhere.
        directory: the backup's. It is made, for its owner alone.
        progress: as for `runlore.housekeeping.merge`.

    Raises:
        StoreNotFound: there is no store.
        InvalidArgument: the directory holds something else, or is within the store.
        DamagedFile: the accounts are damaged. What is in the backup stays as it was.
        OSError: the disk does not take it. The backup then says what it was when it was whole.
    """
    source = in_files(open_store(store), _DOING)
    place = os.path.abspath(directory)
    if os.path.commonpath([os.path.realpath(place), os.path.realpath(source.root)]) == os.path.realpath(source.root):
        raise InvalidArgument(f"{directory!r} is within the store; name a directory elsewhere, on another disk")
    if os.path.isdir(place) and os.listdir(place) and not os.path.isfile(os.path.join(place, MANIFEST)):
        raise InvalidArgument(f"{directory!r} holds something that is no backup; name an empty directory")
    os.makedirs(place, mode=_OWNER_ONLY, exist_ok=True)
    if not os.path.exists(os.path.join(place, MANIFEST)):
        _write_manifest(place, None)
    merged = _copy_store(source.root, os.path.join(place, STORE), progress)
    if accounts is not None:
        _copy_accounts(accounts, os.path.join(place, ACCOUNTS))
    _write_manifest(place, datetime.now(timezone.utc))
    return Taken(merged, accounts is not None)


def restore(directory: str, store: str, accounts: str, *, progress: Callable[[int, int], None] | None = None) -> Taken:
    """Make a store and accounts from a backup. Both are seen when they are whole, and not before.

    Args:
        directory: of the backup.
        store: where the store is to be; nothing is there, or an empty directory.
        accounts: where the accounts are to be; nothing is there.
        progress: as for `runlore.housekeeping.merge`.

    Raises:
        NotFound: there is no backup, or it never was whole.
        AlreadyExists: something is where the store or the accounts are to be. Nothing was changed.
        DamagedFile: the backup is damaged. Nothing was changed.
    """
    place = os.path.abspath(directory)
    taken = read_manifest(place)
    if taken.get("taken") is None:
        raise NotFound(f"the backup {directory!r} was begun and never was whole; take it again")
    saved = os.path.join(place, ACCOUNTS)
    has_accounts = os.path.exists(saved)
    for target, what in ((store, "store"), (accounts, "accounts")):
        there = os.path.exists(target) and not (os.path.isdir(target) and not os.listdir(target))
        if there and (what == "store" or has_accounts):
            raise AlreadyExists(
                f"{target!r} is there already; restore the {what} to another place. Nothing was changed"
            )
    target = os.path.abspath(store)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    aside = f"{target}.{new_uid()}.tmp"
    try:
        merged = _copy_store(os.path.join(place, STORE), aside, progress)
        if merged.damaged:
            raise DamagedFile(
                f"the backup {directory!r} is damaged: {', '.join(merged.damaged[:5])}. Nothing was changed"
            )
        if has_accounts:
            _copy_accounts(saved, os.path.abspath(accounts))
        os.rename(aside, target)  # over an empty directory, or nothing
        sync_path(os.path.dirname(target))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Taken(merged, has_accounts)


def read_manifest(directory: str) -> dict[str, str | None]:
    """What a backup says of itself.

    Raises:
        NotFound: there is none.
        DamagedFile: it cannot be understood, or is of a newer format.
    """
    path = os.path.join(directory, MANIFEST)
    try:
        found = read_json(path)
    except FileNotFoundError:
        raise NotFound(f"there is no backup in {directory!r}; `runlore server backup` makes one") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DamagedFile(f"{path!r} is no description of a backup that this version of Runlore understands")
    return found


def _write_manifest(place: str, taken: datetime | None) -> None:
    about = {"format": FORMAT, "runlore": __version__, "taken": None if taken is None else taken.isoformat()}
    temporary = os.path.join(place, f"{MANIFEST}.{new_uid()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            json.dump(about, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, os.path.join(place, MANIFEST))
        sync_path(place)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _copy_store(source: str, target: str, progress: Callable[[int, int], None] | None) -> Merged:
    """Bring a store what it does not have of another, and the numbers of runs that are gone: none is given again."""
    session = Session(open_store(target, create=True))
    _copy_numbers(os.path.join(source, _NUMBERS), os.path.join(target, _NUMBERS))
    return merge(session, source, progress=progress)


def _copy_numbers(source: str, target: str) -> None:
    for folder, _, names in os.walk(source):
        here = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(here, exist_ok=True)
        for name in names:
            with suppress(FileExistsError, FileNotFoundError):  # known already; or just given up
                copy_file(os.path.join(folder, name), os.path.join(here, name), durable=False)


def _copy_accounts(source: str, target: str) -> None:
    """Copy a SQLite database that is in use, as it is at one moment.

    Raises:
        DamagedFile: it is none, or damaged.
    """
    temporary = f"{target}.{new_uid()}.tmp"
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        address = f"file:{quote(os.path.abspath(source))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as there, closing(sqlite3.connect(temporary)) as here:
            there.backup(here)
            here.execute("PRAGMA journal_mode = DELETE")
            [[said]] = here.execute("PRAGMA integrity_check(1)").fetchall()
        if said != "ok":
            raise DamagedFile(f"the accounts {source!r} are damaged: {said}")
        sync_path(temporary)
        os.replace(temporary, target)
        sync_path(os.path.dirname(target))
    except sqlite3.DatabaseError as error:
        raise DamagedFile(f"the accounts {source!r} cannot be read: {error}") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
