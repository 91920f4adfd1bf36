"""Keeping a store in order: what is in the trash goes, what is damaged is found, two stores become one.

`garbage` removes what nobody refers to, `retention` decides which artifacts to keep, `doctor` looks for damage and
repairs what it can, `numbering` sees to it that no two runs have one number, `claiming` that none loses its name,
`merge` takes in another store, `archive` packs runs into one file, `export` writes tables.

Nothing here is needed for recording or reading.
"""

from __future__ import annotations

from runlore.housekeeping.archive import export_archive, import_archive
from runlore.housekeeping.claiming import Clash
from runlore.housekeeping.doctor import Finding, examine
from runlore.housekeeping.export import export_table
from runlore.housekeeping.garbage import Garbage, collect
from runlore.housekeeping.merge import Merged, merge
from runlore.housekeeping.numbering import Renumbered, repair_numbers
from runlore.housekeeping.retention import Retention, keep_best

__all__ = [
    "Clash",
    "Finding",
    "Garbage",
    "Merged",
    "Renumbered",
    "Retention",
    "collect",
    "examine",
    "export_archive",
    "export_table",
    "import_archive",
    "keep_best",
    "merge",
    "repair_numbers",
]
