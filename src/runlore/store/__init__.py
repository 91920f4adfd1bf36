"""The store: where runs live. Here a directory; a server's store has the same operations.

`directory` knows the layout, `numbers` gives out run numbers, `blobs` keeps artifact contents, `seal` rewrites ended
runs as Parquet. Importing this package is cheap: a training process does it.
"""

from __future__ import annotations

from runlore.store.directory import DirectoryStore, open_store

__all__ = ["DirectoryStore", "open_store"]
