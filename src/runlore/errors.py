"""Every error that Runlore raises on purpose.

    RunloreError
    ├── InvalidArgument (ValueError)         a value that cannot be stored as given
    │   └── InvalidName (ValueError)         a name that cannot be a name
    ├── WrongType (TypeError)                a value of a type that cannot be stored
    ├── NotFound (LookupError)
    │   ├── RunNotFound
    │   ├── ExperimentNotFound
    │   ├── ArtifactNotFound (FileNotFoundError)
    │   ├── StoreNotFound (FileNotFoundError)
    │   └── CardNotFound
    ├── AlreadyExists (FileExistsError)      a uid or version that is taken
    ├── RunEnded (RuntimeError)              logging to a run whose handle was finished
    ├── NoActiveRun (RuntimeError)
    ├── QuerySyntaxError (ValueError)        points at the column
    ├── QueryTimeout (TimeoutError)          a query took longer than its limit
    ├── ReadOnlyStore (PermissionError)
    ├── NotStored (OSError)                  the disk did not take what had to be kept
    ├── NotReachable (ConnectionError)       a server does not answer
    ├── NotAllowed (PermissionError)         a server does not let the caller do this
    ├── NotLocal (OSError)                   no file of this machine: the store is elsewhere
    ├── UnsupportedFormat (RuntimeError)     written by a newer Runlore
    ├── DamagedFile (RuntimeError)           a file of the store is not what it should be
    ├── UnsafeLoad (PermissionError)         loading would unpickle and nobody asked for it
    └── MissingDependency (ImportError)      names the extra to install

Each is also the standard error that a caller would expect, so `except ValueError` works.
A message says what happened, the offending value, what was kept, and what to do next.

`NothingMatches` is a warning: what a query names may be recorded later.
"""

from __future__ import annotations

__all__ = [
    "AlreadyExists",
    "ArtifactNotFound",
    "CardNotFound",
    "DamagedFile",
    "ExperimentNotFound",
    "InvalidArgument",
    "InvalidName",
    "MissingDependency",
    "NoActiveRun",
    "NotAllowed",
    "NotFound",
    "NotLocal",
    "NotReachable",
    "NotStored",
    "NothingMatches",
    "QuerySyntaxError",
    "QueryTimeout",
    "ReadOnlyStore",
    "RunEnded",
    "RunNotFound",
    "RunloreError",
    "StoreNotFound",
    "UnsafeLoad",
    "UnsupportedFormat",
    "WrongType",
]


class RunloreError(Exception):
    """The root of every error that Runlore raises on purpose."""

    def __str__(self) -> str:
        """The message alone: `KeyError` and `OSError` would decorate it."""
        return str(self.args[0]) if self.args else ""


class InvalidArgument(RunloreError, ValueError):
    """An argument has a value that cannot be stored as given."""


class InvalidName(InvalidArgument):
    """An experiment, key, artifact or card name cannot be a name."""


class WrongType(RunloreError, TypeError):
    """An argument is of a type that cannot be stored."""


class NotFound(RunloreError, LookupError):
    """Something that was asked for by name does not exist."""


class RunNotFound(NotFound):
    """No run has this uid or number."""


class ExperimentNotFound(NotFound):
    """No run was ever recorded under this experiment."""


class ArtifactNotFound(NotFound, FileNotFoundError):
    """The run has no artifact of this name, or its contents are gone."""


class StoreNotFound(NotFound, FileNotFoundError):
    """There is no store at this path."""


class CardNotFound(NotFound):
    """No card matches."""


class AlreadyExists(RunloreError, FileExistsError):
    """A uid, a version or a name is taken."""


class RunEnded(RunloreError, RuntimeError):
    """The handle was finished: nothing more can be logged through it."""


class NoActiveRun(RunloreError, RuntimeError):
    """A run was needed and none is active in this process."""


class QuerySyntaxError(InvalidArgument):
    """A query cannot be understood.

    Attributes:
        message: what is wrong, without the query.
        query: the text as it was given.
        column: 1-based column at which reading stopped.
        expected: what could have stood there, in words.
        word: the word that names no field, where that is the reason.
    """

    def __init__(self, message: str, *, query: str, column: int, expected: str = "", word: str = "") -> None:
        begin = max(0, column - 60)
        shown = "".join(c if c.isprintable() else " " for c in query[begin : begin + 100])
        text = f"{message}\n  {shown}\n  {' ' * (column - 1 - begin)}^"
        super().__init__(f"{text} expected {expected}" if expected else text)
        self.message = message
        self.query = query
        self.column = column
        self.expected = expected
        self.word = word


class QueryTimeout(RunloreError, TimeoutError):
    """A query took longer than its limit and was ended."""


class ReadOnlyStore(RunloreError, PermissionError):
    """The store cannot be written to."""


class NotStored(RunloreError, OSError):
    """Something that had to be kept could not be: the disk is full, or a quota is used up."""


class NotReachable(RunloreError, ConnectionError):
    """A server does not answer, or answers what cannot be understood. What was recorded is kept where it was."""


class NotAllowed(RunloreError, PermissionError):
    """A server does not know the caller, or does not let them do this."""


class NotLocal(RunloreError, OSError):
    """A path was asked for, and the store keeps that elsewhere than in files of this machine."""


class UnsupportedFormat(RunloreError, RuntimeError):
    """The bytes were written by a newer version of Runlore."""


class DamagedFile(RunloreError, RuntimeError):
    """A file of the store is not what it should be: cut, overwritten, or without its other half."""


class UnsafeLoad(RunloreError, PermissionError):
    """Loading this would run code that the file brings (a pickle), and the caller did not ask for it."""


class MissingDependency(RunloreError, ImportError):
    """An optional library is needed; the message names the extra that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed. Type: pip install 'runlore[{extra}]'")
        self.package = package
        self.extra = extra


class NothingMatches(UserWarning):
    """A query, an order or a pattern names something that no run of the store has: mistyped, or not yet recorded."""
