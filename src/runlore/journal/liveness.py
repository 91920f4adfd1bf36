"""Who lives: the lock that a writer holds while it lives, and what readers conclude from it.

The lock is a POSIX record lock on a file of its own beside the journal. Record locks are not inherited by forked
children, so an orphaned data-loader does not keep a dead run alive; but they are dropped when *any* descriptor of the
file is closed in the process, so a reader never opens the lock file of a writer of its own process.

A lock that is held proves that somebody lives. One that is free, or gone, proves nothing by itself: it may be that of
a copy, or never have been copied. So the journal's header is asked: which boot of which kernel wrote it, which process,
and which file it was. Where neither lock nor process tells, as on network mounts and for copies of runs that go on
elsewhere, the age of the last write decides, and the answer says so.

A journal that is sent here by its writer's machine has a file `<writer>.sender` beside it, whatever its header says:
locks and processes of this machine tell nothing of it. The sender lets hear of itself also when there is nothing to
send, and says when the writer has died; until then the age of its last word decides.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from time import CLOCK_BOOTTIME, clock_gettime_ns, time_ns

from runlore.errors import DamagedFile
from runlore.files import kind_of, open_regular
from runlore.journal.format import LOCK_SUFFIX, SENDER_SUFFIX, SUFFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOCAL_FILE_SYSTEMS = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs", "overlay", "btrfs", "zfs", "f2fs", "bcachefs", "squashfs"}
)
"""Where record locks between processes can be trusted."""

MAPPABLE_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs", "overlay", "f2fs"})
"""Where reserved space stays reserved, so that writing through a memory map cannot fail later."""

SILENCE_NS = 15 * 60 * 1_000_000_000
"""Where only age can decide: a writer that wrote nothing for so long is taken for dead."""

SURELY_DEAD_NS = 7 * 24 * 3600 * 1_000_000_000
"""What was silent for so long, somewhere else, is not heard of again."""

SENDER_SILENCE_NS = 5 * 60 * 1_000_000_000
"""A sender that was not heard of for so long is taken for dead, and its writer with it. It speaks every 30 s."""

_FUTURE_NS = 24 * 3600 * 1_000_000_000
"""Clocks of servers differ by less: a time further ahead is not one of a last write."""
_REBOOT_NS = 60 * 1_000_000_000
"""What was created so long before this boot was created in another one, whatever clocks were set to since."""

_PF_EXITING = 0x4
"""Flag of the kernel: the process is ending."""

held: set[tuple[int, int]] = set()
"""Lock files that writers of this process hold: device and inode, so that no other path to one is mistaken."""

_types: dict[int, str] = {}
_boot_id: str | None = None
_process_space: int | None = None
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
    held.add(identity(os.fstat(descriptor)))
    return descriptor


def release(journal_path: str, descriptor: int) -> None:
    """Let go of the lock and remove its file: the writer ended in order.

    Raises:
        OSError: the file cannot be removed. The lock is free all the same.
    """
    held.discard(identity(os.fstat(descriptor)))
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
    """Whether the writer of an unclosed journal lives, and what told so.

    Args:
        journal_path: the journal, which is not opened.
        header: its header, which names host, boot and process of the writer; empty if it is damaged.

    Returns:
        Whether it lives, and by what that was found: `lock`; `process`, which is there, or cannot be since the machine
        was started again; or `age`, which may turn out wrong.
    """
    try:
        status = os.lstat(journal_path)
    except FileNotFoundError:
        return False, "age"
    sent = _as_sent(journal_path, status)
    if sent is not None:
        return sent
    held_or_free = _probe(os.path.abspath(lock_path(journal_path)))
    if held_or_free == _HELD:
        return True, "lock"
    if not header.get("host"):
        # Its writer died before it had one; it took the lock before, so where there is none this is no original.
        return (False, "lock") if held_or_free == _FREE else _by_age(status)
    if not _is_of_this_boot(header):
        return (False, "process") if _is_of_an_earlier_boot(header) else _by_age(status)
    process = _process(header)
    is_original = _is_original(status, header)
    if process is False:
        return False, "lock" if held_or_free == _FREE and is_original is not False else "process"
    if process is None and held_or_free == _FREE and header.get("lock") and is_original is not False:
        return False, "lock"
    if process is True and (is_original or (is_original is None and not header.get("lock"))):
        return True, "process"
    return _by_age(status)  # a copy of what goes on somewhere else, or of what cannot be asked


def _by_age(status: os.stat_result) -> tuple[bool, str]:
    if not stat.S_ISREG(status.st_mode):
        return False, "age"
    return -_FUTURE_NS < time_ns() - status.st_mtime_ns < SILENCE_NS, "age"


def sender_path(journal_path: str) -> str:
    """The file that tells of whoever sends the journal: empty while its writer lives as far as the sender knows."""
    return journal_path.removesuffix(SUFFIX) + SENDER_SUFFIX


def _as_sent(journal_path: str, status: os.stat_result) -> tuple[bool, str] | None:
    """As `is_alive`, of a journal that is sent; None: nobody sends it."""
    try:
        sender = os.lstat(sender_path(journal_path))
    except OSError:
        return None
    if not stat.S_ISREG(sender.st_mode):
        return None
    if sender.st_size:
        return False, "process"
    heard_ns = max(sender.st_mtime_ns, status.st_mtime_ns)
    return time_ns() - heard_ns < SENDER_SILENCE_NS, "age"


def _is_of_this_boot(header: dict[str, Any]) -> bool:
    """Whether the writer ran on the kernel that runs here, if maybe in another container."""
    boot = boot_id()
    return bool(boot) and header.get("boot") == boot


def _is_of_an_earlier_boot(header: dict[str, Any]) -> bool:
    """Whether the writer ran on this machine before it was started again; another one may have the same name."""
    created, host = header.get("created_ns"), header.get("host")
    if host != os.uname().nodename or not header.get("boot") or not boot_id() or not isinstance(created, int):
        return False
    return created < time_ns() - clock_gettime_ns(CLOCK_BOOTTIME) - _REBOOT_NS


def _process(header: dict[str, Any]) -> bool | None:
    """Whether the writer's process, of this boot, is there; None: it cannot be asked."""
    pid, started, space = header.get("pid"), header.get("pid_started"), header.get("pid_space")
    if not isinstance(pid, int) or not started or header.get("host") != os.uname().nodename:
        return None
    if space and space != process_space():
        return None  # a process id of another container
    found = process_started(pid)
    if found is None and _is_hidden(pid):
        return True
    return bool(found == started)


def _is_hidden(pid: int) -> bool:
    """Whether there is such a process, though /proc does not show it: it may be mounted with `hidepid`."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return False  # one's own that /proc does not show ended, and was not waited for


def _is_original(status: os.stat_result, header: dict[str, Any]) -> bool | None:
    """Whether the journal is the file that the writer made, not a copy of it; None: the header does not say."""
    made = header.get("file")
    return None if not made else made == list(identity(status))


def may_come_again(journal_path: str, header: dict[str, Any]) -> bool:
    """Whether the journal of a writer that is gone may yet be replaced by a longer copy of what that one wrote.

    Args:
        journal_path: the journal, which was not closed.
        header: its header.
    """
    try:
        status = os.lstat(journal_path)
    except FileNotFoundError:
        return True
    return _is_original(status, header) is False and time_ns() - status.st_mtime_ns < SURELY_DEAD_NS


_HELD, _FREE, _UNKNOWN = "held", "free", "unknown"


def _probe(path: str) -> str:
    """Whether the lock is held, or free; unknown where it is not there, cannot be opened, or means nothing."""
    try:
        if identity(os.lstat(path)) in held:
            return _HELD
        if not trusts_locks(os.path.dirname(path)):
            return _UNKNOWN
        descriptor = open_regular(path)
    except (OSError, DamagedFile):
        return _UNKNOWN  # not there, or somebody else's and not for us to read
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return _HELD
    except OSError:
        return _UNKNOWN
    finally:
        os.close(descriptor)
    return _FREE


def lock_problem(journal_path: str) -> str:
    """What is wrong with what is in the place of a journal's lock file, in words; empty where nothing is."""
    try:
        mode = os.lstat(lock_path(journal_path)).st_mode
    except OSError:
        return ""
    return "" if stat.S_ISREG(mode) else f"its lock is {kind_of(mode)} where a regular file should be"


def identity(status: os.stat_result) -> tuple[int, int]:
    """Which file it is, on this machine."""
    return status.st_dev, status.st_ino


def boot_id() -> str:
    """Which boot of this machine's kernel it is; empty where the system does not say."""
    global _boot_id  # noqa: PLW0603 - it cannot change while the process lives
    if _boot_id is None:
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
                _boot_id = file.read().strip()
        except OSError:
            _boot_id = ""
    return _boot_id


def process_space() -> int:
    """In which space of process ids this process is; 0 where the system does not say. Containers have their own."""
    global _process_space  # noqa: PLW0603 - it does not change while the process lives
    if _process_space is None:
        try:
            _process_space = os.stat("/proc/self/ns/pid").st_ino
        except OSError:
            _process_space = 0
    return _process_space


def own_start() -> int | None:
    """When this process started; see `process_started`. Looked up once."""
    global _own_start  # noqa: PLW0603 - it changes in a forked child only
    pid = os.getpid()
    if _own_start is None or _own_start[0] != pid:
        _own_start = pid, process_started(pid)
    return _own_start[1]


def process_started(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot; None if there is none. Tells reused ids apart.

    One that was killed and not yet waited for (a zombie) is none, nor is one that is ending: it has let go of its locks
    before it is gone, and runs no more code of its own.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        is_gone = fields[0] in (b"Z", b"X", b"x") or int(fields[6]) & _PF_EXITING
        return None if is_gone else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
