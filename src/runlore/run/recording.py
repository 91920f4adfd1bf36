"""Beginning a run without hooks or captures: what `runlore.start` does in a store, and a server for its clients."""

from __future__ import annotations

from contextlib import suppress

from runlore._version import __version__
from runlore.model import START, new_uid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runlore.recorder import Recorder
    from runlore.store.base import RecordedRun, Store


class Begun:
    """A run that begins."""

    __slots__ = ("number", "recorder", "run", "uid")

    def __init__(self, uid: str, number: int | None, run: RecordedRun, recorder: Recorder) -> None:
        self.uid, self.run, self.recorder = uid, run, recorder
        self.number = number
        """None: it gets it later."""


def begin_run(
    store: Store, experiment: str, *, uid: str | None = None, about: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None, time_ns: int | None = None,
) -> Begun | None:  # fmt: skip
    """Make a run, give it its number, and record its start.

    Args:
        store: where.
        experiment: a name that `runlore.names.check_path_name` accepted.
        uid: of the new run; None: a new one.
        about: what the start event says besides: name, description, group, parent, user, host. None values are left
            out.
        columns: extra columns of every record from the start event on.
        time_ns: of the start; None: now.

    Returns:
        The run with its first recorder, which the caller closes; None where the experiment has a run with this uid.

    Raises:
        ReadOnlyStore: the store cannot be written to.
        OSError: there is no room for a run. Nothing of it is left.
    """
    uid = uid or new_uid()
    if not store.create_run(experiment, uid):
        return None
    run = store.open_run(uid, experiment=experiment)
    recorder: Recorder | None = None
    try:
        recorder = run.record(first=True)
        number = store.claim_number(experiment, uid) or None
    except OSError:
        abandon(store, experiment, uid, recorder)
        raise
    if columns:
        recorder.columns(columns)
    said = {"experiment": experiment, "number": number, "runlore": __version__, **(about or {})}
    recorder.event(START, "start", {key: value for key, value in said.items() if value is not None}, time_ns=time_ns)
    return Begun(uid, number, run, recorder)


def abandon(store: Store, experiment: str, uid: str, recorder: Recorder | None) -> None:
    """Leave nothing of a run that could not begin, as on a full disk: it would look like one that crashed.

    Args:
        store: where it was made.
        experiment: its experiment.
        uid: its uid.
        recorder: what was opened of it.
    """
    with suppress(OSError):  # the disk does not even let go
        if recorder is not None:
            recorder.discard()
    store.abandon_run(experiment, uid)
