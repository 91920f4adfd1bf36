"""Whole runs in one file: a gzipped tar archive that holds a small store. Importing it is a merge.

    format, runs/<experiment path>/<uid>/…, blobs/<ab>/<sha256>, claims/<namespace>/<name>/about

Nothing in an archive is trusted: only plain files at these places are taken out of it, contents must hash to their
names, claims must be of runs in it, and what a journal says is decoded as any other.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import tarfile
from io import BytesIO
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

from runlore.errors import DamagedFile, InvalidArgument
from runlore.housekeeping._copying import copy_run
from runlore.housekeeping.garbage import INCOMING, referred
from runlore.housekeeping.merge import Merged, merge
from runlore.model import new_uid
from runlore.store import claims
from runlore.store.content import read_events
from runlore.store.directory import FORMAT, in_files
from runlore.store.listing import run_directories

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.reader import RunView
    from runlore.reader.session import Session
    from runlore.store import DirectoryStore

_BLOB = re.compile(r"blobs/([0-9a-f]{2})/\1[0-9a-f]{62}").fullmatch
_COMPONENT = r"[A-Za-z0-9_%~-][A-Za-z0-9_.%~-]*"
_RUN_FILE = re.compile(
    rf"runs/(?:{_COMPONENT}/)+[0-9a-f]{{32}}/"
    r"(?:(?:journal|damaged)/[A-Za-z0-9_-]+\.rlj|(?:metrics|events)\.parquet)"
).fullmatch
_CLAIM = re.compile(rf"claims/{_COMPONENT}/{_COMPONENT}/about").fullmatch
_PLACES = (_RUN_FILE, _BLOB, _CLAIM)


def export_archive(
    store: DirectoryStore, runs: Sequence[RunView], file: BinaryIO, *,
    progress: Callable[[int, int], None] | None = None, damaged: Callable[[RunView, DamagedFile], None] | None = None,
) -> None:  # fmt: skip
    """Write runs, their contents and claims of names. A run that is being recorded is written as far as it is.

    Args:
        store: that they are in.
        runs: which.
        file: to write to; need not be able to seek.
        progress: called with (runs written, runs to write).
        damaged: called with a run that cannot be read, and why; it is left out then. None: raise that.

    Raises:
        DamagedFile: a run cannot be read.
    """
    packed_runs: set[str] = set()
    written: set[str] = set()
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=5) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
        TemporaryDirectory() as folder,
    ):
        _add_bytes(archive, "format", f"{FORMAT}\n".encode())
        for index, run in enumerate(runs):
            copy = os.path.join(folder, str(index))
            try:
                copy_run(run.directory, copy, f"{copy}-aside")
                digests = referred(read_events(copy))
            except DamagedFile as error:
                if damaged is None:
                    raise
                damaged(run, error)
                continue
            archive.add(copy, os.path.relpath(run.directory, store.root), filter=_plain)
            for path in map(store.blob_path, sorted(digests - written)):
                if os.path.exists(path):
                    archive.add(path, os.path.relpath(path, store.root), filter=_plain)
            packed_runs.add(run.uid)
            written |= digests
            shutil.rmtree(copy)
            if progress is not None:
                progress(index + 1, len(runs))
        _add_claims(archive, store, packed_runs)


def _add_claims(archive: tarfile.TarFile, store: DirectoryStore, uids: set[str]) -> None:
    for where in claims.every_claim(store.root):
        try:
            about = claims.claimed_at(store.root, where)
        except DamagedFile:  # whose it is cannot be known; `runlore doctor` names it
            continue
        if about is not None and about.get("uid") in uids:
            _add_bytes(archive, f"claims/{where}/about", json.dumps(about).encode())


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what says who exported it, and from which machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, BytesIO(content))


def import_archive(
    session: Session, file: BinaryIO, *, progress: Callable[[int, int], None] | None = None
) -> Merged:  # fmt: skip
    """Add the runs of an archive to a store. Twice is the same as once.

    Args:
        session: the store.
        file: to read from; need not be able to seek.
        progress: as for `merge`.

    Raises:
        InvalidArgument: it is no archive of Runlore, or cut off. Nothing was added.
        ReadOnlyStore: the store cannot be written to.
    """
    place = os.path.join(in_files(session.store, "taking in an archive").root, INCOMING, new_uid())
    os.makedirs(place)
    try:
        _extract(file, place)
        return merge(session, place, progress=progress)
    finally:
        shutil.rmtree(place)


def _extract(file: BinaryIO, place: str) -> None:
    os.makedirs(os.path.join(place, "runs"))
    try:
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                if member.isdir():
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or not (member.name == "format" or any(at(member.name) for at in _PLACES)):
                    raise InvalidArgument(f"the archive holds {member.name!r}, which no run has; nothing was imported")
                path = os.path.join(place, *member.name.split("/"))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "xb") as target:
                    shutil.copyfileobj(content, target)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InvalidArgument(f"this is no archive of `runlore export`, or it is cut off: {error}") from error
    if not os.path.exists(os.path.join(place, "format")):
        raise InvalidArgument("this is no archive of `runlore export`: it has no file 'format'; nothing was imported")
    _check_claims(place)


def _check_claims(place: str) -> None:
    uids = {os.path.basename(directory) for directory in run_directories(os.path.join(place, "runs"))}
    for where in claims.every_claim(place):
        try:
            about = claims.claimed_at(place, where)
        except DamagedFile as error:
            raise InvalidArgument(f"the archive's 'claims/{where}' is no claim; nothing was imported") from error
        if about is None or about.get("uid") not in uids:
            raise InvalidArgument(f"the archive's 'claims/{where}' is of a run that is not in it; nothing was imported")
