"""Cards as v1's registries listed them: mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


class Listed:
    """Gives the fields of a card by key, as `list_cards` of v1 did: `cards[0]["version"]`, `dict(cards[0])`."""

    fields: ClassVar[tuple[str, ...]] = (
        "uid", "name", "repository", "space", "version", "contact", "tags", "created_at", "date", "timestamp",
    )  # fmt: skip
    created_at: datetime | None

    @property
    def date(self) -> str | None:
        """The day on which it was registered, UTC: `2026-01-31`."""
        return None if self.created_at is None else self.created_at.date().isoformat()

    @property
    def timestamp(self) -> int | None:
        """When it was registered, in microseconds since 1970 UTC."""
        return None if self.created_at is None else round(self.created_at.timestamp() * 1e6)

    def keys(self) -> tuple[str, ...]:
        """Names of the fields."""
        return self.fields

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __getitem__(self, field: str) -> Any:
        """One field.

        Raises:
            KeyError: there is none of this name; the message names those that there are.
        """
        if field not in self.fields:
            raise KeyError(f"{type(self).__name__} has no field {field!r}; it has {', '.join(self.fields)}")
        return getattr(self, field)
