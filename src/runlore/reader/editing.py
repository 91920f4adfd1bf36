"""Changing what is known of many runs at once, and how it is taken back.

Everything is checked before anything is stored. What a returned call changed is on the disk, and wins over all that
was said of the runs before, whatever this machine's clock says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import InvalidArgument, NotStored, WrongType
from runlore.names import check_key
from runlore.reader.facts import facts_of
from runlore.store.detail import Detail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runlore.index.records import RunRecord
    from runlore.reader.session import Session
    from runlore.store.base import Fact

MAX_TEXT = 1 << 20
"""Characters of a description or a note."""

TEXTS = ("name", "description", "group")
MARKS = ("archived", "deleted")


@dataclass(frozen=True)
class Change:
    """What is to be changed of a run.

    Attributes:
        tags: by key; None removes one.
        attributes: of `TEXTS` (None: none any more) and `MARKS`.
        note: is written on it; earlier ones stay.
    """

    tags: Mapping[str, str | None] = field(default_factory=dict)
    attributes: Mapping[str, str | bool | None] = field(default_factory=dict)
    note: str | None = None

    def facts(self) -> list[Fact]:
        """The facts to record.

        Raises:
            InvalidArgument, WrongType: one of them cannot be stored.
        """
        facts: list[Fact] = []
        for key, text in self.tags.items():
            facts.append((model.TAG, check_key(key, "tags"), _checked("tags", text)))
        for name, value in self.attributes.items():
            if name in MARKS:
                if not isinstance(value, bool):
                    raise WrongType(f"{name}={value!r} must be true or false")
            elif name not in TEXTS:
                raise InvalidArgument(f"{name!r} cannot be changed; {', '.join((*TEXTS, *MARKS))} and tags can")
            elif value is not None:
                _checked(name, value)
                if name != "description":
                    check_key(value, name)
            facts.append((model.ATTRIBUTE, name, value))
        if self.note is not None:
            facts.append((model.NOTE, "note", _checked("note", self.note)))
        return facts


def _checked(name: str, text: Any) -> Any:
    if text is not None and not isinstance(text, str):
        raise WrongType(f"{name}={text!r} must be text, not {type(text).__name__}")
    if text is not None and len(text) > MAX_TEXT:
        raise InvalidArgument(f"{name} has {len(text):,} characters; at most {MAX_TEXT:,} are possible")
    return text


def undo_of(run: RunRecord, change: Change) -> Change:
    """What takes a change back; a note stays.

    Args:
        run: as it is before the change, with its facts.
        change: that is to be made.
    """
    before = facts_of(run).tags
    return Change(
        {key: before.get(key) for key in change.tags}, {name: getattr(run, name) for name in change.attributes}
    )


def edit_runs(
    session: Session, edits: Sequence[tuple[RunRecord, Change]], refresh: Callable[[], object] | None = None
) -> None:  # fmt: skip
    """Change runs.

    Args:
        session: the store.
        edits: runs with their facts, and what is to be changed of each; each run once.
        refresh: brings the index up to date; None: the session's own.

    Raises:
        InvalidArgument, WrongType: something cannot be stored. Nothing was changed.
        RunNotFound: a run was removed meanwhile.
        NotStored: there was no room; the message says how many runs were changed.
        ReadOnlyStore: the store cannot be written to.
    """
    checked = [(run, change, change.facts()) for run, change in edits]
    for done, (run, _, facts) in enumerate(checked):
        try:
            session.open_run(run).annotate(facts, after_ns=_last_said(run))
        except NotStored as error:  # noqa: PERF203 - it says how far it went
            raise NotStored(f"{done} of {len(checked)} runs were changed: {error}") from error
    (refresh or session.refresh)()
    now = {run.uid: run for run in session.index.runs([run.uid for run, _ in edits])}
    late = [
        (now[run.uid], facts) for run, change, facts in checked if run.uid in now and not _holds(now[run.uid], change)
    ]
    for run, facts in late:  # somebody with a fast clock was heard meanwhile
        recorded = session.open_run(run)
        said = [event.time_ns for event in recorded.events([model.ATTRIBUTE, model.TAG])]
        recorded.annotate([fact for fact in facts if fact[0] != model.NOTE], after_ns=max(said))
    if late:
        (refresh or session.refresh)()


def _last_said(run: RunRecord) -> int:
    detail = Detail.load(facts_of(run).detail)
    return max([detail.last_ns, *(time for time, _ in detail.attributes.values())])


def _holds(run: RunRecord, change: Change) -> bool:
    """Whether the run is now as it should be."""
    tags = facts_of(run).tags
    return all(tags.get(key) == text for key, text in change.tags.items()) and all(
        getattr(run, name) == value for name, value in change.attributes.items()
    )
