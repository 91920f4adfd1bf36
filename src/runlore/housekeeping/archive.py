"""Whole runs in one file: a gzipped tar archive that holds a small store. Importing it is a merge.

    format, runs/<experiment path>/<uid>/…, blobs/<ab>/<sha256>, claims/<namespace>/<name>/about

Nothing in an archive is trusted: only plain files at these places are taken out of it, and only so much of them;
contents must hash to their names, claims must be of runs in it, and what a journal says is decoded as any other.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
from contextlib import ExitStack
from io import BytesIO
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

from runlore.errors import ArtifactNotFound, DamagedFile, InvalidArgument, RunloreError
from runlore.files import check_directory
from runlore.housekeeping._copying import copy_run
from runlore.housekeeping._unpacking import Limits, is_place, unpack
from runlore.housekeeping.claiming import Clash
from runlore.housekeeping.garbage import INCOMING
from runlore.housekeeping.merge import Merged, merge
from runlore.housekeeping.numbering import Renumbered
from runlore.housekeeping.references import referred
from runlore.model import new_uid
from runlore.names import encode_path
from runlore.notices import say_once
from runlore.scratch import scratch_directory
from runlore.store import claims, format_file
from runlore.store.content import read_events
from runlore.store.directory import in_files
from runlore.store.keeping import SelfKeeping
from runlore.store.listing import run_directories

__all__ = ["Limits", "export_archive", "import_archive"]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlore.reader import RunView
    from runlore.reader.session import Session
    from runlore.store import DirectoryStore
    from runlore.store.base import Store


_LISTS: dict[str, type[Renumbered | Clash]] = {"renumbered": Renumbered, "clashes": Clash}


def export_archive(
    store: Store, runs: Sequence[RunView], file: BinaryIO, *,
    progress: Callable[[int, int], None] | None = None, damaged: Callable[[RunView, Exception], None] | None = None,
) -> None:  # fmt: skip
    """Write runs, their contents and claims of names. A run that is being recorded is written as far as it is.

    Args:
        store: that they are in.
        runs: which.
        file: to write to; need not be able to seek.
        progress: called with (runs written, runs to write).
        damaged: called with a run that cannot be read, and why; it is left out then. None: raise that.

    Raises:
        DamagedFile, UnsupportedFormat, OSError: a run cannot be read.
    """
    if isinstance(store, SelfKeeping):
        _export_elsewhere(store, runs, file, damaged)
        return
    store = in_files(store, "packing an archive")
    packed_runs: set[str] = set()
    written: set[str] = set()
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=5) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
        TemporaryDirectory(dir=scratch_directory()) as folder,
    ):
        _add_bytes(archive, "format", f"{format_file.FORMAT}\n".encode())
        for index, run in enumerate(runs):
            copy = os.path.join(folder, str(index))
            try:
                left_out = copy_run(run.directory, copy, f"{copy}-aside", durable=False)
                digests = referred(read_events(copy))
            except (RunloreError, OSError) as error:
                if damaged is None or not _is_of(error, run):
                    raise
                damaged(run, error)
                continue
            for item in left_out:
                say_once(f"left out of the archive: {item} of the run {run.uid}, which is no file")
            archive.add(copy, _place_of(run, store), filter=_plain)
            for digest in sorted(digests - written):
                _add_contents(archive, store, digest)
            packed_runs.add(run.uid)
            written |= digests
            shutil.rmtree(copy)
            if progress is not None:
                progress(index + 1, len(runs))
        _add_claims(archive, store, packed_runs)


def _export_elsewhere(
    store: SelfKeeping, runs: Sequence[RunView], file: BinaryIO, damaged: Callable[[RunView, Exception], None] | None
) -> None:
    known = {run.uid: run for run in runs}
    for uid, why in store.pack(list(known), file):
        error = DamagedFile(why)
        if damaged is None or uid not in known:
            raise error
        damaged(known[uid], error)


def _is_of(error: Exception, run: RunView) -> bool:
    """Whether the error is the fault of the run; else the archive cannot be written."""
    if isinstance(error, OSError) and error.filename is not None:
        return os.fsdecode(error.filename).startswith(f"{run.directory}/")
    return isinstance(error, RunloreError)


def _place_of(run: RunView, store: DirectoryStore) -> str:
    """Where the run is in the archive: as in the store, but where somebody renamed a directory there."""
    place = os.path.relpath(run.directory, store.root)
    return place if is_place(f"{place}/events.parquet") else f"runs/{encode_path(run.experiment)}/{run.uid}"


def _add_contents(archive: tarfile.TarFile, store: DirectoryStore, digest: str) -> None:
    with ExitStack() as stack:
        try:
            content = stack.enter_context(store.open_content(digest))
        except ArtifactNotFound:
            return  # removed, or lost: `doctor` tells
        except (DamagedFile, PermissionError) as error:
            say_once(f"left out of the archive: contents {digest}: {error}")
            return
        member = tarfile.TarInfo(os.path.relpath(store.blob_path(digest), store.root))
        member.size = os.fstat(content.fileno()).st_size
        archive.addfile(member, content)


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
    session: Session, file: BinaryIO, *, progress: Callable[[int, int], None] | None = None,
    limits: Limits | None = None,
) -> Merged:  # fmt: skip
    """Add the runs of an archive to a store. Twice is the same as once.

    Args:
        session: the store.
        file: to read from; need not be able to seek.
        progress: called with (bytes of the archive read, its size) while it is unpacked, then as for `merge`.
        limits: how much to unpack at most.

    Raises:
        InvalidArgument: it is no archive of Runlore, is cut off, or unpacks to more than the limits allow. Nothing was
            added, and nothing of it is left.
        ReadOnlyStore: the store cannot be written to.
    """
    if isinstance(session.store, SelfKeeping):
        done = session.store.take_in(file, list(limits or Limits()), progress)
        session.refresh()
        renumbered, clashes = ([kind(**item) for item in done[name]] for name, kind in _LISTS.items())
        return Merged(**{**done, "renumbered": renumbered, "clashes": clashes})
    incoming = os.path.join(in_files(session.store, "taking in an archive").root, INCOMING)
    check_directory(incoming)
    place = os.path.join(incoming, new_uid())
    os.makedirs(os.path.join(place, "runs"))
    try:
        unpack(file, place, limits or Limits(), progress)
        _check_format(place)
        _check_claims(place)
        return merge(session, place, progress=progress)
    finally:
        shutil.rmtree(place)


def _check_format(place: str) -> None:
    problem = format_file.problem(place)
    if problem is not None:
        raise InvalidArgument(
            f"this is no archive of `runlore export`: its file 'format' {problem}; nothing was imported"
        )


def _check_claims(place: str) -> None:
    uids = {os.path.basename(directory) for directory in run_directories(os.path.join(place, "runs"))}
    for where in claims.every_claim(place):
        try:
            about = claims.claimed_at(place, where)
        except DamagedFile as error:
            raise InvalidArgument(f"the archive's 'claims/{where}' is no claim; nothing was imported") from error
        if about is None or about.get("uid") not in uids:
            raise InvalidArgument(f"the archive's 'claims/{where}' is of a run that is not in it; nothing was imported")
