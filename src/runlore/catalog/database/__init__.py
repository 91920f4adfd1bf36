"""Databases of a catalog: what they have to offer (`base`), SQLite for a directory, PostgreSQL for a server."""
