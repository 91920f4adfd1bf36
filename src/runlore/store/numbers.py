"""Run numbers: 1, 2, 3 … within an experiment, given out by creating a file that must not exist yet.

The claim is a file named after the number that holds the run's uid. Claims are never removed while the experiment
exists, so a deleted run's number is not given out again. The next free number is found by galloping: a handful of
look-ups for a million runs, and no file that two processes would have to agree on.
"""

from __future__ import annotations

import os
from time import time

from runlore.errors import DamagedFile
from runlore.files import is_directory, make_folders, read_bytes
from runlore.model import new_uid
from runlore.names import encode_path, is_uid

_MOST_BYTES = 4096
_BEGINNING_S = 60.0
_seen: dict[str, int] = {}
"""The number that this process claimed last in each directory."""


def place_of(root: str, experiment: str) -> str:
    """The directory of an experiment's claims, relative to the store's.

    A component that is a number, below another one, would be in the place of a claim of the experiment above: it is
    escaped, but where a store has it unescaped already.

    Example:
        >>> place_of(".runlore", "iris/fold 1"), place_of(".runlore", "iris/1")
        ('numbers/iris/fold%201', 'numbers/iris/%31')
    """
    usual = encode_path(experiment)
    first, *others = usual.split("/")
    if not any(part.isdigit() for part in others) or is_directory(f"{root}/numbers/{usual}"):
        return f"numbers/{usual}"
    return "/".join(["numbers", first, *(f"%{ord(p[0]):02X}{p[1:]}" if p.isdigit() else p for p in others)])


def claim(directory: str, uid: str) -> int:
    """Claim the next free number for the run. Of processes that claim at once, each gets another number.

    Args:
        directory: where the claims of the experiment are; made if need be.
        uid: the run that gets the number.
    """
    known = _seen.get(directory, 0)
    number = known + 1
    if not (known and os.path.exists(f"{directory}/{known}") and claim_one(directory, number, uid)):
        number = _first_free(directory, known)
        while not claim_one(directory, number, uid):
            number += 1
    _seen[directory] = number
    return number


def claim_one(directory: str, number: int, uid: str) -> bool:
    """Claim this number for the run; False: it is taken."""
    try:
        descriptor = os.open(f"{directory}/{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return False
    except FileNotFoundError:
        make_folders(directory)
        return claim_one(directory, number, uid)
    try:
        os.write(descriptor, uid.encode("ascii"))
    except OSError:
        os.unlink(f"{directory}/{number}")  # no claim without an owner; nobody else made this file
        raise
    finally:
        os.close(descriptor)
    return True


def transfer(directory: str, number: int, uid: str) -> None:
    """Give a claim to another run, because the one that held it has another number by now, or nobody did.

    Whatever is in the claim's place is replaced, but for a directory, which is moved aside.
    """
    path = os.path.join(directory, str(number))
    if is_directory(path):
        os.rename(path, f"{path}.damaged-{new_uid()}")
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(uid)
    os.replace(temporary, path)


def _first_free(directory: str, known: int = 0) -> int:
    """The first number that is free, supposing that the claimed ones have no gaps.

    Args:
        directory: where the claims are.
        known: a number that was claimed a while ago, from which to look on; whatever it was before counts for nothing
            if the experiment was removed since.
    """
    low = known if known and os.path.exists(os.path.join(directory, str(known))) else 0
    step = 1
    while os.path.exists(os.path.join(directory, str(low + step))):
        low += step
        step *= 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if os.path.exists(os.path.join(directory, str(middle))):
            low = middle
        else:
            high = middle
    return high


def owner(directory: str, number: int | str) -> str | None:
    """The uid of the run that holds the number; None where nobody does, or is about to.

    Raises:
        DamagedFile: the claim says no uid, not even after a minute, or is no file. No link is followed, nothing waits.
        OSError: it cannot be read.
    """
    path = os.path.join(directory, str(number))
    try:
        content = read_bytes(path, _MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    uid = content[:32].decode("ascii", "replace")
    if not is_uid(uid) and not (not uid and _is_young(path)):
        raise DamagedFile(
            f"the claim {path!r} holds {uid!r}, which is no uid. No run has lost anything by that; "
            "`runlore doctor --repair` puts it right"
        )
    return uid or None


def _is_young(path: str) -> bool:
    """Whether a process may just be writing into the claim that it made."""
    try:
        return time() - os.lstat(path).st_mtime < _BEGINNING_S
    except FileNotFoundError:
        return True
