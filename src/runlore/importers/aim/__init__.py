"""Aim: its repositories, a SQLite database of runs and a RocksDB for what each recorded, without its library."""

from runlore.importers.aim.repository import Repository

__all__ = ["Repository"]
