"""polars: reading a table back."""

from __future__ import annotations

from typing import Any

from runlore.errors import MissingDependency


def read_parquet(path: str) -> Any:
    """A DataFrame of polars from a Parquet file.

    Raises:
        MissingDependency: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise MissingDependency("polars", "test", "loading a PolarsData") from error
    return pl.read_parquet(path)
