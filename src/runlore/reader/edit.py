"""Changing what is known of a recorded run: tags, name, notes, trash, archive. Never what it recorded itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore import model
from runlore.errors import WrongType
from runlore.names import check_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.store.base import Fact


class EditMethods:
    """The part of `RunView` that changes a run. Each call is one more fact of the run, recorded when it returns.

    The run's status stays. A run that is being recorded can be changed too.
    """

    refresh: Any
    events: Any
    recorded: Any
    tags: dict[str, str]
    _said_of_it: Any
    _said_ns: int
    """When something was last said of the run through this handle."""

    def set_tag(self, key: str, value: Any = "") -> None:
        """Set a tag; a tag with the value None is removed.

        Raises:
            WrongType: the value is not text, a number or a bool.
            ReadOnlyStore: the store cannot be written to.

        Example:
            >>> import runlore
            >>> runlore.start("iris").finish()
            >>> view = runlore.get_run("iris#1")
            >>> view.set_tag("stage", "checked")
            >>> view.tags["stage"], view.status
            ('checked', 'succeeded')
        """
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags at once: see `set_tag`."""
        facts = []
        for key, value in tags.items():
            check_key(key, "key")
            if value is not None and not isinstance(value, (str, int, float, bool)):
                raise WrongType(f"tag {key!r}: value={value!r} must be text, not {type(value).__name__}")
            facts.append((model.TAG, key, None if value is None else str(value)))
        self._annotate(*facts)

    def set_name(self, name: str) -> None:
        """Give the run another name."""
        self._annotate((model.ATTRIBUTE, "name", check_key(name, "name")))

    def set_description(self, description: str) -> None:
        """Describe the run, in Markdown if you like."""
        if not isinstance(description, str):
            raise WrongType(f"description={description!r} must be text")
        self._annotate((model.ATTRIBUTE, "description", description))

    def set_note(self, text: str) -> None:
        """Write a note on the run. Earlier ones stay: `notes` has them all."""
        if not isinstance(text, str):
            raise WrongType(f"text={text!r} must be text")
        self._annotate((model.NOTE, "note", text))

    @property
    def notes(self) -> list[str]:
        """Notes on the run, oldest first."""
        return [str(event.value) for event in self.events(model.NOTE)]

    def delete(self) -> None:
        """Put the run into the trash: lists and queries leave it out. `restore` takes it back.

        `runlore gc` removes it for good, by default 30 days later.

        Example:
            >>> import runlore
            >>> runlore.start("iris").finish()
            >>> view = runlore.get_run("iris#1")
            >>> view.delete()
            >>> len(runlore.runs())
            0
            >>> view.restore()
            >>> len(runlore.runs())
            1
        """
        self._annotate((model.ATTRIBUTE, "deleted", True))

    def restore(self) -> None:
        """Take the run out of the trash."""
        self._annotate((model.ATTRIBUTE, "deleted", False))

    def archive(self, archived: bool = True) -> None:
        """Mark the run as done with, or not any more with `archived=False`. Nothing of it is removed."""
        self._annotate((model.ATTRIBUTE, "archived", bool(archived)))

    def _annotate(self, *facts: Fact) -> None:
        """Record facts that win over all that was said of the run before, whatever this machine's clock says.

        What this handle knows says which time is late enough. Where somebody with a fast clock was heard meanwhile,
        that is found out afterwards, and they are recorded once more.
        """
        attributes = self._said_of_it().attributes
        known = [self._said_of_it().last_ns, self._said_ns, *(time for time, _ in attributes.values())]
        self._said_ns = self.recorded().annotate(facts, after_ns=max(known))
        self.refresh()
        if not all(self._holds(*fact) for fact in facts):
            said = [event.time_ns for event in self.events(model.ATTRIBUTE, model.TAG)]
            self._said_ns = self.recorded().annotate(facts, after_ns=max(said))
            self.refresh()

    def _holds(self, kind: str, key: str, value: Any) -> bool:
        """Whether a fact is the latest one of its kind and key."""
        if kind == model.ATTRIBUTE:
            return bool(self._said_of_it().attributes[key][1] == value)
        return kind != model.TAG or self.tags.get(key) == value
