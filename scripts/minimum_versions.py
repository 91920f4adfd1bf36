"""Prints the oldest version of each dependency that pyproject.toml allows, as constraints for pip.

pip install -c <(python scripts/minimum_versions.py) '.[test]'
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?>=(?P<least>[0-9][^,; ]*)")
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def minimum_versions(text: str, extras: frozenset[str]) -> dict[str, str]:
    """Name → oldest version, of what the package needs itself and of these extras."""
    project = tomllib.loads(text)["project"]
    wanted = [*project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        if extra in extras:
            wanted += requirements
    found = [_REQUIREMENT.match(requirement) for requirement in wanted]
    return {match["name"]: match["least"] for match in found if match is not None}


def main() -> None:
    """Print them, for the package itself and the extras that are named as arguments."""
    extras = frozenset(sys.argv[1:])
    for name, least in sorted(minimum_versions(PROJECT.read_text("utf-8"), extras).items()):
        print(f"{name}=={least}")


if __name__ == "__main__":
    main()
