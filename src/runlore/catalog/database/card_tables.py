"""The catalog's tables of cards. Derived like the others, in the same database."""

from __future__ import annotations

from zlib import crc32

from runlore.catalog.database.tables import ID, INTEGER, RUN_TABLES, TEXT, VERSION, Column, Index, Table

CARD_DIRECTORIES = Table(
    "card_directories",
    (
        Column("path", TEXT, about="of a kind, space or name, relative to cards/; '' is cards/ itself"),
        Column("mtime_ns", INTEGER, about="0: look again; it changed too recently to trust"),
        Column("strangers", TEXT, nullable=True, about="JSON: names of entries that are left out, and why"),
    ),
    ("path",),
)

CARDS = Table(
    "cards",
    (
        Column("id", ID),
        Column("uid", TEXT),
        Column("kind", TEXT),
        Column("space", TEXT),
        Column("name", TEXT),
        Column("version", TEXT),
        Column("version_key", TEXT, about="sorts as versions do: runlore.versions"),
        Column("created_ns", INTEGER),
        Column("updated_ns", INTEGER, about="time of the last event"),
        Column("user_name", TEXT, nullable=True),
        Column("host", TEXT, nullable=True),
        Column("description", TEXT, nullable=True),
        Column("metadata", TEXT, about="JSON object, as registered"),
        Column("run_uid", TEXT, nullable=True, about="the run that registered it"),
        Column("run_role", TEXT, nullable=True, about="output | input | record: what the card is to that run"),
        Column("note", TEXT, nullable=True),
        Column("stage", TEXT, nullable=True),
        Column("deleted", INTEGER),
        Column("damage", TEXT, nullable=True, about="JSON list of what could not be read; NULL when nothing"),
        Column("path", TEXT, about="directory, relative to cards/"),
        Column("mtime_ns", INTEGER, about="of the directory; 0: look again"),
    ),
    ("id",),
    (
        Index("cards_path", ("path",), unique=True),
        Index("cards_uid", ("uid",)),
        Index("cards_name", ("kind", "space", "name", "version_key")),
        Index("cards_created", ("created_ns", "uid")),
        Index("cards_run", ("run_uid",)),
    ),
)

CARD_ALIASES = Table(
    "card_aliases",
    (
        Column("card_id", INTEGER),
        Column("alias", TEXT),
        Column("held", INTEGER, about="1: taken, 0: given up"),
        Column("time_ns", INTEGER, about="of all versions of a name, the latest taker has it"),
    ),
    ("card_id", "alias"),
    (Index("card_aliases_alias", ("alias",)),),
)

CARD_TAGS = Table(
    "card_tags",
    (Column("card_id", INTEGER), Column("key", TEXT), Column("value", TEXT)),
    ("card_id", "key"),
    (Index("card_tags_value", ("key", "value")),),
)

CARD_LINKS = Table(
    "card_links",
    (
        Column("card_id", INTEGER),
        Column("target", TEXT, about="card | run"),
        Column("uid", TEXT),
        Column("role", TEXT, about="card: input, it was made from that one. run: output, input, record"),
    ),
    ("card_id", "target", "uid", "role"),
    (Index("card_links_uid", ("uid",)),),
)

CARD_ARTIFACTS = Table(
    "card_artifacts",
    (
        Column("card_id", INTEGER),
        Column("name", TEXT),
        Column("digest", TEXT, nullable=True),
        Column("size", INTEGER, nullable=True),
        Column("media_type", TEXT, nullable=True),
        Column("kind", TEXT),
        Column("metadata", TEXT, about="JSON object"),
    ),
    ("card_id", "name"),
    (Index("card_artifacts_digest", ("digest",), where="digest"),),
)

HANGING = (CARD_ALIASES, CARD_TAGS, CARD_LINKS, CARD_ARTIFACTS)
"""What hangs on a card."""

TABLES = (*RUN_TABLES, CARD_DIRECTORIES, CARDS, *HANGING)
"""All tables of the catalog."""

CATALOG_VERSION = f"{VERSION}.{crc32(repr(TABLES).encode()):08x}"
"""What a catalog says of itself. One of another version is rebuilt, never migrated, never misread."""
