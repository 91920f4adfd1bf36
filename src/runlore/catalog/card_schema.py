"""The catalog's tables of cards. Derived like the others, in the same database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from runlore.catalog.schema import metadata

_Id = BigInteger().with_variant(Integer, "sqlite")

card_directories = Table(
    "card_directories",
    metadata,
    Column("path", Text, primary_key=True, comment="of a kind, space or name, relative to cards/; '' is cards/ itself"),
    Column("mtime_ns", BigInteger, nullable=False, comment="0: look again; it changed too recently to trust"),
)

cards = Table(
    "cards",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("uid", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("space", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("version_key", Text, nullable=False, comment="sorts as versions do: runlore.versions"),
    Column("created_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False, comment="time of the last event"),
    Column("user", Text),
    Column("host", Text),
    Column("description", Text),
    Column("note", Text),
    Column("stage", Text),
    Column("run_uid", Text, comment="the run that registered it"),
    Column("run_role", Text, comment="output | input | record: what the card is to that run"),
    Column("metadata", Text, nullable=False, comment="JSON object, as registered"),
    Column("deleted", Integer, nullable=False, default=0),
    Column("damage", Text, comment="JSON list of what could not be read; NULL when nothing"),
    Column("path", Text, nullable=False, unique=True, comment="directory, relative to cards/"),
    Column("mtime_ns", BigInteger, nullable=False, comment="of the directory; 0: look again"),
    Index("cards_uid", "uid"),
    Index("cards_name", "kind", "space", "name", "version_key"),
    Index("cards_created", "created_ns", "uid"),
    Index("cards_run", "run_uid"),
)


def _card_id() -> Column[int]:
    return Column("card_id", _Id, ForeignKey("cards.id", ondelete="CASCADE"), nullable=False)


card_aliases = Table(
    "card_aliases",
    metadata,
    _card_id(),
    Column("alias", Text, nullable=False),
    Column("held", Integer, nullable=False, comment="1: taken, 0: given up"),
    Column("time_ns", BigInteger, nullable=False, comment="of all versions of a name, the latest taker has it"),
    PrimaryKeyConstraint("card_id", "alias"),
    Index("card_aliases_alias", "alias"),
    sqlite_with_rowid=False,
)

card_tags = Table(
    "card_tags",
    metadata,
    _card_id(),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("card_id", "key"),
    Index("card_tags_value", "key", "value"),
    sqlite_with_rowid=False,
)

card_links = Table(
    "card_links",
    metadata,
    _card_id(),
    Column("target", Text, nullable=False, comment="card | run"),
    Column("uid", Text, nullable=False),
    Column("role", Text, nullable=False, comment="card: input, it was made from that one. run: output, input, record"),
    PrimaryKeyConstraint("card_id", "target", "uid", "role"),
    Index("card_links_uid", "uid"),
    sqlite_with_rowid=False,
)

card_artifacts = Table(
    "card_artifacts",
    metadata,
    _card_id(),
    Column("name", Text, nullable=False),
    Column("digest", Text),
    Column("size", BigInteger),
    Column("media_type", Text),
    Column("kind", Text, nullable=False),
    Column("metadata", Text, nullable=False, comment="JSON object"),
    PrimaryKeyConstraint("card_id", "name"),
    Index("card_artifacts_digest", "digest"),
    sqlite_with_rowid=False,
)
