"""What `deploy/` has: it is checked by the tools of its formats, and what it runs is run."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPTS = Path(sysconfig.get_path("scripts"))


def tool(name):
    found = shutil.which(name) or shutil.which(name, path=SCRIPTS) or next(
        (str(path) for folder in sys.path if (path := Path(folder, "../../../bin", name)).is_file()), None
    )  # fmt: skip
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)


def test_the_image_is_built_as_images_should_be():
    done = run(tool("hadolint"), str(DEPLOY / "Dockerfile"))
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_nobody_special_and_says_how_it_is():
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert text.count("\nFROM ") == 2, "the compiler of the page stays in a stage of its own"
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert last.index("USER ") < last.index("ENTRYPOINT")
    assert "HEALTHCHECK" in last


def test_the_compose_file_is_one():
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_is_one_and_is_locked_in(tmp_path):
    unit = tmp_path / "runlore.service"
    unit.write_text((DEPLOY / "runlore.service").read_text("utf-8").replace("/opt/runlore/bin/runlore", "/bin/true"))
    done = run(tool("systemd-analyze"), "verify", str(unit))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    done = run(tool("systemd-analyze"), "security", "--offline=true", "--threshold=15", str(unit))
    assert done.returncode == 0, done.stdout[-300:]


def command_of(file):
    text = (DEPLOY / file).read_text("utf-8")
    if file == "Dockerfile":
        return json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])
    return shlex.split(re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1])


@contextlib.contextmanager
def started(command, store):
    told = [str(store) if word.endswith("/runs") else word for word in command[1:]]
    program = [sys.executable, "-m", "runlore", *told, "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if found := re.search(r" at http://\S+:(\d+)/$", line):
                    break
            yield lines, int(found[1])
        finally:
            process.terminate()
            assert process.wait(20) in {0, -15}


@pytest.mark.parametrize("file", ["Dockerfile", "runlore.service"])
def test_what_is_run_answers_and_lets_in_who_has_an_account(tmp_path, file):
    check = json.loads(re.search(r"^  CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)[1])
    with started(command_of(file), tmp_path / "runs") as (lines, port):
        password = lines[0].split()[-1]
        address = f"http://127.0.0.1:{port}"
        done = run(sys.executable, *(word.replace(":5005", f":{port}") for word in check[1:]))
        assert done.returncode == 0, done.stderr
        assert httpx.get(f"{address}/api/v1/experiments").status_code == 401
        assert httpx.get(f"{address}/api/v1/experiments", auth=("admin", password)).status_code == 200
    with started(command_of(file), tmp_path / "runs") as (lines, _):
        assert password not in "".join(lines)
