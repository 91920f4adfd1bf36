"""Names that only one run of a store may have, claimed like run numbers: who comes first has it.

    claims/<namespace>/<encoded name>/about      JSON: what was said with the claim, for a run its uid

A claim is a directory that is made elsewhere and renamed into place, which fails where one is: so of processes that
claim at once exactly one succeeds, and a claim that is there is whole, on every file system. What a run is called
stands in its journal too; losing a claim loses the uniqueness of the name, and nothing that was recorded.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING, Any

from runlore.errors import DamagedFile
from runlore.files import check_path, directory_problem, is_directory
from runlore.json_files import read_json
from runlore.model import new_uid
from runlore.names import encode
from runlore.notices import say_once
from runlore.store.listing import is_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
"""The last one where no directory is in the claim's place, but something else."""
_MOST_BYTES = 1 << 20
_CLAIMS = "claims"
_ABOUT = "about"
_PENDING_NS = 60 * 1_000_000_000


def claim(root: str, namespace: str, name: str, about: Mapping[str, Any]) -> bool:
    """Claim a name. Returns whether it was free; if not, nothing was changed.

    Args:
        root: the store's directory.
        namespace: names of different namespaces do not meet.
        name: any text.
        about: what to remember of it, anything that can be JSON; of a run its `uid` and the `time_ns` of the claim.

    Example:
        >>> claim(".", "model", "résumé", {"uid": "0" * 32}), claim(".", "model", "résumé", {})
        (True, False)
        >>> claimed(".", "model", "résumé")["uid"][:4]
        '0000'
    """
    return claim_at(root, _place(namespace, name), {**about, "name": name})


def claimed(root: str, namespace: str, name: str) -> dict[str, Any] | None:
    """What was said when the name was claimed, or None where it is free.

    Raises:
        DamagedFile: the claim cannot be read.
    """
    return claimed_at(root, _place(namespace, name))


def claims(root: str, namespace: str) -> list[dict[str, Any]]:
    """All claims of a namespace, each with its `name`, sorted by it.

    One that cannot be read is left out, which is said on stderr; `runlore doctor` puts it right.
    """
    found = []
    for where in _claims_of(root, encode(namespace)):
        try:
            found.append(claimed_at(root, where))
        except DamagedFile as error:  # noqa: PERF203 - one must not hide the others
            say_once(str(error))
    return sorted((about for about in found if about is not None), key=lambda about: str(about["name"]))


def release(root: str, namespace: str, name: str, about: Mapping[str, Any]) -> bool:
    """Give a name back, if it is still claimed with exactly this. Returns whether it was."""
    return release_at(root, _place(namespace, name), {**about, "name": name})


def reclaim(root: str, namespace: str, name: str, about: Mapping[str, Any], instead: Mapping[str, Any]) -> bool:
    """Remember something else of a name, if it is still claimed with exactly this. Returns whether it was.

    It is claimed all the time: whoever looks finds the one or the other.
    """
    where = _place(namespace, name)
    with _alone(root, where) as found:
        if found != {**about, "name": name}:
            return False
        place = path_of(root, where)
        temporary = os.path.join(place, f".{new_uid()}")
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({**instead, "name": name}, file)
        os.replace(temporary, os.path.join(place, _ABOUT))
        return True


def is_pending(about: Mapping[str, Any]) -> bool:
    """Whether the claim is so young that a process may just be creating its run."""
    time = about.get("time_ns")
    return isinstance(time, int) and time_ns() - time < _PENDING_NS


# -- by place: what housekeeping does with claims of any namespace -----------------------------------------------------


def every_claim(root: str) -> list[str]:
    """The places of all claims, `<namespace>/<name>` as their directories are called, sorted."""
    namespaces = sorted(_names(os.path.join(root, _CLAIMS)))
    return [where for namespace in namespaces for where in _claims_of(root, namespace)]


def strange_namespaces(root: str) -> list[tuple[str, str]]:
    """(path relative to the store, problem) of what is in the place of a namespace's directory and is none."""
    places = [_CLAIMS, *(f"{_CLAIMS}/{name}" for name in sorted(_names(os.path.join(root, _CLAIMS))))]
    found = [(place, directory_problem(os.path.join(root, place))) for place in places]
    return [(place, problem) for place, problem in found if problem is not None]


def path_of(root: str, where: str) -> str:
    """The directory of the claim at a place."""
    return os.path.join(root, _CLAIMS, *where.split("/"))


def claimed_at(root: str, where: str) -> dict[str, Any] | None:
    """What was said with the claim at a place, or None where there is none.

    Raises:
        DamagedFile: it cannot be read, or belongs to another place.
    """
    path = os.path.join(path_of(root, where), _ABOUT)
    try:
        check_path(root, f"{_CLAIMS}/{where}")
        about = read_json(path, _MOST_BYTES)
    except FileNotFoundError:
        return None
    except (DamagedFile, OSError) as error:
        raise _damaged(path, str(error)) from error
    name = about.get("name") if isinstance(about, dict) else None
    if not isinstance(name, str) or encode(name) != where.rpartition("/")[2]:
        raise _damaged(path, f"it does not say the name that it is for, but {about!r}")
    return dict(about)


def claim_at(root: str, where: str, about: Mapping[str, Any]) -> bool:
    """Claim a place with what was said of it, its name included. Returns whether it was free.

    Raises:
        DamagedFile: a link, or a file, is in the place of the namespace's directory.
    """
    target = path_of(root, where)
    check_path(root, f"{_CLAIMS}/{os.path.dirname(where)}")
    temporary = os.path.join(os.path.dirname(target), f".{new_uid()}")
    os.makedirs(temporary)
    with open(os.path.join(temporary, _ABOUT), "w", encoding="utf-8") as file:
        json.dump(about, file)
    try:
        os.rename(temporary, target)
    except OSError as error:
        _remove(temporary)
        if error.errno in _TAKEN:
            return False
        raise
    return True


def release_at(root: str, where: str, about: Mapping[str, Any]) -> bool:
    """Free a place, if it is still claimed with exactly this. Returns whether it was."""
    with _alone(root, where) as found:
        return found == about and set_aside(root, where, keep=False)


@contextmanager
def _alone(root: str, where: str) -> Iterator[dict[str, Any] | None]:
    """What is claimed at a place, which nobody else changes or frees during the block.

    Raises:
        DamagedFile: it cannot be read.
    """
    namespace = os.path.dirname(path_of(root, where))
    try:
        descriptor = os.open(namespace, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield claimed_at(root, where)  # nothing, or an error
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield claimed_at(root, where)
    finally:
        os.close(descriptor)


def set_aside(root: str, where: str, *, keep: bool = True) -> bool:
    """Free a place, whatever is there; `keep` leaves its files beside it under a hidden name. Whether it was taken."""
    place = path_of(root, where)
    aside = os.path.join(os.path.dirname(place), f".{new_uid()}")
    try:
        os.rename(place, aside)
    except FileNotFoundError:
        return False
    if not keep:
        _remove(aside)
    return True


def _damaged(path: str, why: str) -> DamagedFile:
    return DamagedFile(
        f"the claim {path!r} cannot be read: {why}. No run has lost anything by that; `runlore doctor --repair` moves "
        "the claim aside, and its name is free again"
    )


def _place(namespace: str, name: str) -> str:
    return f"{encode(namespace)}/{encode(name)}"


def _claims_of(root: str, namespace: str) -> list[str]:
    names = _names(os.path.join(root, _CLAIMS, namespace))
    return [f"{namespace}/{name}" for name in sorted(names) if not name.startswith(".")]


def _names(directory: str) -> list[str]:
    """What is in a directory, as far as it has a name that is text; nothing where there is none, or a link to one."""
    return [name for name in os.listdir(directory) if is_text(name)] if is_directory(directory) else []


def _remove(directory: str) -> None:
    for name in os.listdir(directory):  # with it, what somebody left who was killed while he changed it
        os.unlink(os.path.join(directory, name))
    os.rmdir(directory)
