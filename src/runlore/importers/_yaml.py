"""YAML files of strangers, by PyYAML's safe loader and within bounds."""

from __future__ import annotations

from typing import Any

from runlore.errors import DamagedFile, MissingDependency
from runlore.files import read_bytes

MOST_BYTES = 1 << 20
"""Of one file: a thousand times what trackers write."""


def read_yaml(path: str) -> Any:
    """The value in a YAML file. Of tags only YAML's own are known: nothing is constructed by name.

    Raises:
        FileNotFoundError: nothing is there.
        DamagedFile: it is too large, no YAML, nested too deeply, or uses aliases, by which a small file becomes large.
        MissingDependency: PyYAML is not installed.
        OSError: it cannot be read.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingDependency("PyYAML", "import", "reading YAML files") from error
    content = read_bytes(path, MOST_BYTES)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(content, yaml.SafeLoader)):
            raise DamagedFile(f"{path!r} is refused: it uses aliases of YAML, which no tracker writes")
        return yaml.load(content, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DamagedFile(f"{path!r} is damaged: {' '.join(str(error).split())}") from error
