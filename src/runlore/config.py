"""Settings from the environment, and where the store is. Nothing is read at import.

| variable | meaning | default |
| --- | --- | --- |
| `RUNLORE_STORE` | path of the store, or address of a server | the nearest `.runlore` upwards, else `./.runlore` |
| `RUNLORE_RUN` | uid of a run that this process joins | none |
| `RUNLORE_EXPERIMENT` | the experiment of `RUNLORE_RUN`, as `Run.env` sets it | the one that `start` names |
| `RUNLORE_FSYNC` | `1`: each call reaches the disk before it returns, which also survives a loss of power | `0` |
| `RUNLORE_CAPTURE` | `0` or `1`: default of `capture=`; or a list such as `git,environment` | `1` |
| `RUNLORE_JOURNAL` | `mmap`, `write` or `auto`: how journal bytes go out | `auto` |
| `RUNLORE_TOKEN` | what a server is shown to let this process in | what `runlore login` kept |
| `RUNLORE_CACHE_BYTES` | how large the cache of contents from servers may grow | 10 GiB |
| `RUNLORE_CATALOG` | address of a PostgreSQL database for catalogs | a file in each store |
| `RUNLORE_CACHE` | directory for catalogs of stores that cannot hold their own | `$XDG_CACHE_HOME/runlore` |
"""

from __future__ import annotations

import os

from runlore.errors import InvalidArgument, StoreNotFound

STORE_DIRECTORY = ".runlore"


def store_address(store: str | os.PathLike[str] | None = None) -> str:
    """The address of the store to use: `http://…` and the like as it was given, else the absolute path of a directory.

    In this order: the argument, `RUNLORE_STORE`, the nearest `.runlore` directory from the working directory
    upwards, `./.runlore`. Nothing is created.

    Raises:
        InvalidArgument: it is empty, contains NUL, or begins with the home of a user whom nobody knows.
        StoreNotFound: it is relative to a working directory that was deleted.
    """
    given = os.fspath(store) if store is not None else os.environ.get("RUNLORE_STORE")
    if given is not None:
        if not given or "\0" in given:
            name = "store" if store is not None else "RUNLORE_STORE"
            raise InvalidArgument(f"{name}={given!r} is not a path; name a directory, for example './.runlore'")
        if isinstance(given, str) and "://" in given:
            return given
        path = expand_user(given, "store" if store is not None else "RUNLORE_STORE")
        return os.path.normpath(path if os.path.isabs(path) else os.path.join(_working_directory(), path))
    directory = here = _working_directory()
    while True:
        candidate = os.path.join(directory, STORE_DIRECTORY)
        if os.path.isdir(candidate):
            return candidate
        parent = os.path.dirname(directory)
        if parent == directory:
            return os.path.join(here, STORE_DIRECTORY)
        directory = parent


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise StoreNotFound(
            "the store is looked for from the working directory, which was deleted. Change to a directory that exists, "
            "or name the store by an absolute path with store= or RUNLORE_STORE"
        ) from error


def joined_run() -> str | None:
    """The uid of the run that this process was told to join (`RUNLORE_RUN`), or None."""
    return os.environ.get("RUNLORE_RUN") or None


def fsync() -> bool:
    """Whether every call waits until the disk has what it recorded (`RUNLORE_FSYNC`).

    Raises:
        InvalidArgument: `RUNLORE_FSYNC` is neither 0 nor 1.
    """
    text = os.environ.get("RUNLORE_FSYNC") or "0"
    if text not in ("0", "1"):
        raise InvalidArgument(f"RUNLORE_FSYNC={text!r} must be 0 or 1")
    return text == "1"


def journal_mode() -> str:
    """How journal bytes go out: `auto`, `mmap` or `write` (`RUNLORE_JOURNAL`).

    Raises:
        InvalidArgument: it is none of the three.
    """
    mode = os.environ.get("RUNLORE_JOURNAL") or "auto"
    if mode not in ("auto", "mmap", "write"):
        raise InvalidArgument(f"RUNLORE_JOURNAL={mode!r} must be auto, mmap or write")
    return mode


def catalog_address() -> str | None:
    """The PostgreSQL database with the catalogs of directories (`RUNLORE_CATALOG`); None: a file in each store.

    Raises:
        InvalidArgument: it does not begin as such an address does. The message leaves out the rest, which may hold a
            password.
    """
    address = os.environ.get("RUNLORE_CATALOG")
    if not address:
        return None
    scheme, separator, _ = address.partition("://")
    if not separator or scheme not in ("postgresql", "postgres"):
        begins = f"begins with {scheme + separator!r}" if separator else "has no scheme"
        raise InvalidArgument(
            f"RUNLORE_CATALOG {begins}; name a PostgreSQL database, for example postgresql://user@host/name, or unset "
            "it: the catalog is then a file in the store"
        )
    return address


def cache_directory() -> str:
    """Where goes what readers keep, when the store cannot hold it: a private directory of the user's. Not created here.

    Where the user has no home it is one that goes with the process.

    Raises:
        InvalidArgument: `RUNLORE_CACHE` names the home of a user whom the system does not know.
    """
    from runlore.scratch import scratch_directory

    return lasting_cache_directory() or os.path.join(scratch_directory(), "runlore")


def cache_bytes() -> int:
    """How large the cache of contents that were fetched from servers may grow (`RUNLORE_CACHE_BYTES`).

    Raises:
        InvalidArgument: it is no number of bytes.
    """
    text = os.environ.get("RUNLORE_CACHE_BYTES") or str(10 << 30)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidArgument(f"RUNLORE_CACHE_BYTES={text!r} must be a number of bytes, such as 10000000000")
    return int(text)


def lasting_cache_directory() -> str | None:
    """As `cache_directory`; None where the user has no home.

    Raises:
        InvalidArgument: as `cache_directory`.
    """
    given = os.environ.get("RUNLORE_CACHE")
    if given:
        return os.path.abspath(expand_user(given, "RUNLORE_CACHE"))
    base = os.environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(base):  # its specification wants such a path to be ignored
        base = os.path.expanduser("~/.cache")
    return os.path.join(base, "runlore") if os.path.isabs(base) else None


def expand_user(path: str, argument: str) -> str:
    """The path with the home directory in the place of `~` or `~user`.

    Raises:
        InvalidArgument: the system does not know where that is. A directory called `~` is not what anybody meant.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise InvalidArgument(
            f"{argument}={path!r}: the home directory is not known (HOME is not set). Name the directory by a path "
            f"without '~'; './{path}' is one that is called so"
        )
    return expanded
