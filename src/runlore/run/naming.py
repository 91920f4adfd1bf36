"""Runs that are named otherwise than by their uid. The index is asked, which a training process never loads else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.errors import RunNotFound

if TYPE_CHECKING:
    from runlore.store.base import Store


def names_a_run(text: str) -> bool:
    """Whether a text can name a run: a uid, six characters of its beginning or more, or `experiment#number`."""
    from runlore.index.reference import RunReference

    reference = RunReference.parse(text)
    return reference.uid is not None or reference.prefix is not None or reference.number is not None


def find_uid(text: str, store: Store, *, experiment: str | None = None) -> str:
    """The uid of the run that a text means.

    Args:
        text: as for `names_a_run`.
        store: where the run is.
        experiment: the run must be one of this experiment.

    Raises:
        RunNotFound: there is none, several could be meant, or it is one of another experiment.
    """
    from runlore.index.reference import RunReference
    from runlore.opening import open_index

    index = open_index(store)
    index.refresh()
    found = index.one(RunReference.parse(text), facts=False)
    if experiment is not None and found.experiment != experiment:
        raise RunNotFound(f"experiment {experiment!r} has no run {text!r}: that is one of {found.experiment!r}")
    return found.uid
