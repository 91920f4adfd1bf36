"""Print `name==version` for the oldest version of each dependency that pyproject.toml allows: constraints for pip.

    pip install -c <(python scripts/minimum_versions.py postgres) '.[postgres]'

Arguments are extras that count besides what the package itself needs. A dependency without a lower bound is an error:
nobody could say what it was ever tried with.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?(>=(?P<least>[^,; ]+))?(?P<rest>,[^;]*)?\s*(;(?P<marker>.*))?"
)
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def minimum_versions(text: str, extras: list[str]) -> list[str]:
    """Constraints, by name, from the text of a `pyproject.toml`.

    Raises:
        SystemExit: an extra is not there, or a dependency has no lower bound; the message says which.
    """
    project = tomllib.loads(text)["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        if extra not in project["optional-dependencies"]:
            raise SystemExit(f"extra={extra!r} is none of {sorted(project['optional-dependencies'])}")
        wanted += project["optional-dependencies"][extra]
    return sorted({_constraint(requirement) for requirement in wanted})


def _constraint(requirement: str) -> str:
    match = _REQUIREMENT.fullmatch(requirement)
    if match is None or match["least"] is None:
        raise SystemExit(f"the dependency {requirement!r} must say from which version on it serves: name>=version")
    marker = f" ;{match['marker']}" if match["marker"] else ""
    return f"{match['name']}=={match['least']}{marker}"


if __name__ == "__main__":
    print("\n".join(minimum_versions(PROJECT.read_text("utf-8"), sys.argv[1:])))
