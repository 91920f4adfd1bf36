"""Who lives: the lock that a writer holds while it lives, and what readers conclude from it.

The lock is a POSIX record lock on a file of its own beside the journal. Record locks are not inherited by forked
children, so an orphaned data-loader does not keep a dead run alive; but they are dropped when *any* descriptor of the
file is closed in the process, so a reader never opens the lock file of a writer of its own process. Where locks
cannot be trusted (network mounts), host, boot, process and the age of the last write decide, and the answer says so.
"""

from __future__ import annotations

import fcntl
import os
import sys
from time import time_ns
from typing import Any

from runlore.journal.format import LOCK_SUFFIX, SUFFIX

LOCAL_FILE_SYSTEMS = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs", "overlay", "btrfs", "zfs", "f2fs", "bcachefs", "squashfs"}
)
"""Where record locks between processes can be trusted."""

MAPPABLE_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs", "overlay", "f2fs"})
"""Where reserved space stays reserved, so that writing through a memory map cannot fail later."""

SILENCE_NS = 15 * 60 * 1_000_000_000
"""Where only age can decide: a writer on another host that wrote nothing for so long is taken for dead."""

held: set[tuple[int, int]] = set()
"""Lock files that writers of this process hold: device and inode, so that no other path to one is mistaken."""

_types: dict[int, str] = {}
_boot_id: str | None = None
_own_start: tuple[int, int | None] | None = None


def file_system(path: str) -> str:
    """The type of the file system that holds the path, such as `ext4` or `nfs4`; `unknown` where nobody tells."""
    device = os.stat(path).st_dev
    found = _types.get(device)
    if found is None:
        found = _types[device] = _look_up(device, os.path.realpath(path))
    return found


def _look_up(device: int, path: str) -> str:
    """By device; where that is not in the table (btrfs subvolumes), by the longest mount point above the path."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    best, found = "", "unknown"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                fields = line.split(" ")
                kind = fields[fields.index("-") + 1]
                if fields[2] == wanted:
                    return kind
                point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\").rstrip("/")
                if f"{path}/".startswith(f"{point}/") and len(point) >= len(best):
                    best, found = point, kind
    except OSError:
        return "unknown"  # no /proc: not Linux
    return found


def trusts_locks(directory: str) -> bool:
    """Whether record locks on files in this directory tell the truth to every reader."""
    return file_system(directory) in LOCAL_FILE_SYSTEMS


def can_map(directory: str) -> bool:
    """Whether a journal in this directory can be written through a memory map without risk of a SIGBUS."""
    return sys.platform == "linux" and file_system(directory) in MAPPABLE_FILE_SYSTEMS


def acquire(journal_path: str) -> int | None:
    """Create and lock the lock file of a new journal, before the journal itself exists.

    Returns:
        The descriptor to keep open while the writer lives, or None where locks cannot be trusted.
    """
    path = lock_path(journal_path)
    if not trusts_locks(os.path.dirname(path)):
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        os.unlink(path)
        return None
    held.add(_identity(os.fstat(descriptor)))
    return descriptor


def release(journal_path: str, descriptor: int) -> None:
    """Let go of the lock and remove its file: the writer ended in order.

    Raises:
        OSError: the file cannot be removed. The lock is free all the same.
    """
    held.discard(_identity(os.fstat(descriptor)))
    try:
        os.unlink(lock_path(journal_path))
    except FileNotFoundError:
        return  # somebody removed the whole run
    finally:
        os.close(descriptor)


def lock_path(journal_path: str) -> str:
    """The lock file that belongs to a journal."""
    return journal_path.removesuffix(SUFFIX) + LOCK_SUFFIX


def is_alive(journal_path: str, header: dict[str, Any]) -> tuple[bool, str]:
    """Whether the writer of an unclosed journal lives, and what told so: `lock`, `process` or `age`.

    Args:
        journal_path: the journal, which is not opened.
        header: its header, which names host, boot and process of the writer; empty if it is damaged.
    """
    locked = _is_locked(os.path.abspath(lock_path(journal_path)), header)
    if locked is not None:
        return locked, "lock"
    started = header.get("pid_started")
    if started and header.get("boot") and header["boot"] == boot_id() and header.get("host") == os.uname().nodename:
        return process_started(int(header.get("pid", 0))) == started, "process"
    try:
        modified = os.stat(journal_path).st_mtime_ns
    except FileNotFoundError:
        return False, "age"
    return time_ns() - modified < SILENCE_NS, "age"


def _is_locked(path: str, header: dict[str, Any]) -> bool | None:
    """Whether the lock is held; None where that cannot be told, or means nothing."""
    try:
        if _identity(os.stat(path)) in held:
            return True
        if not trusts_locks(os.path.dirname(path)):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        known = header.get("lock") and os.path.isdir(os.path.dirname(path)) and trusts_locks(os.path.dirname(path))
        return False if known else None
    except OSError:
        return None  # somebody else's, and not for us to read
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def boot_id() -> str:
    """Which boot of this machine's kernel it is; empty where the system does not say."""
    global _boot_id  # noqa: PLW0603 - it cannot change while the process lives
    if _boot_id is None:
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                _boot_id = file.read().strip()
        except OSError:
            _boot_id = ""
    return _boot_id


def own_start() -> int | None:
    """When this process started; see `process_started`. Looked up once."""
    global _own_start  # noqa: PLW0603 - it changes in a forked child only
    pid = os.getpid()
    if _own_start is None or _own_start[0] != pid:
        _own_start = pid, process_started(pid)
    return _own_start[1]


def process_started(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot; None if there is none. Tells reused ids apart.

    A process that was killed and not yet waited for (a zombie) is none.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X", b"x") else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
