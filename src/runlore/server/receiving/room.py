"""What every endpoint of this room needs: the store as files, one run of it, and failures of the disk as answers."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runlore.errors import InvalidArgument, InvalidName, NotStored, ReadOnlyStore
from runlore.failures import reason_of
from runlore.names import check_path_name, is_uid
from runlore.server.endpoint import WRITE
from runlore.server.problems import NO_ROOM
from runlore.store.directory import in_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.server.endpoint import Call
    from runlore.store.directory import DirectoryStore


def files_of(call: Call) -> DirectoryStore:
    """The store as files, whoever calls: what the caller may do there is checked by who asks for them.

    Raises:
        NotLocal: it keeps none here.
    """
    return in_files(call.context.served.store, "receiving runs")


def run_directory(call: Call, uid: str, experiment: str) -> str:
    """Where a run is that was announced.

    Raises:
        InvalidName: that is no name of an experiment, or no uid.
        NotAllowed: the caller may not write in the experiment.
        RunNotFound: there is no such run; announce it first.
    """
    check_uid(uid, "uid")
    call.context.check(WRITE, check_path_name(experiment, "experiment"))
    return files_of(call).open_run(uid, experiment=experiment).directory


def check_uid(text: str, argument: str) -> str:
    """A uid of a run or writer.

    Raises:
        InvalidName: it is none.
    """
    if not is_uid(text):
        raise InvalidName(f"{argument}={text[:100]!r} is no uid: 32 hexadecimal digits")
    return text


@contextmanager
def disk(what: str) -> Iterator[None]:
    """A block that writes. What the disk does not allow becomes an answer.

    Raises:
        NotStored: there is no room, or the disk fails.
        ReadOnlyStore: the store cannot be written to.
    """
    try:
        yield
    except (NotStored, ReadOnlyStore):
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
            raise NotStored(
                f"{what} could not be stored: {reason_of(error)}. Send it again when there is room"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ReadOnlyStore(f"{what} could not be stored: the store cannot be written to") from error
        if error.errno == errno.ENAMETOOLONG:
            raise InvalidArgument(f"{what}: the name is longer than the file system of the store allows") from error
        raise
