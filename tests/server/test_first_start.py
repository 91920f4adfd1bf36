"""The first start of a server with accounts: an admin with a password that nobody chose, which is said once."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys

import httpx
from tests.cli import processes


def start(tmp_path):
    """What the server prints until it answers, and its address; what it wrote to its log."""
    arguments = ("server", "--accounts", "--store", tmp_path / "store", "--port", "0")
    with processes.spawn(*arguments) as process:
        lines = []
        while not lines or "serves" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        printed, address = "".join(lines), re.search(r"http://\S+", lines[-1])[0]
        password = re.search(r"password (\S+)", printed)
        answer = httpx.get(f"{address}api/v1/account", auth=("admin", password[1] if password else "admin"))
        process.terminate()
        return password and password[1], answer, process.communicate()[1]


def test_the_first_password_is_random_printed_once_and_works(tmp_path):
    password, answer, log = start(tmp_path)
    assert len(password) >= 24
    assert answer.json()["is_admin"]
    assert password not in log
    with sqlite3.connect(tmp_path / "store-accounts.sqlite") as connection:
        assert password not in "\n".join(connection.iterdump())
    connection.close()
    again, answer, _ = start(tmp_path)
    assert again is None
    assert answer.status_code == 401, "admin/admin opens nothing"


def test_a_server_without_accounts_needs_nothing_of_theirs():
    code = (
        "import sys, runlore.server.app\n"
        "print(sorted({'sqlalchemy', 'alembic', 'argon2', 'httpx', 'joserfc'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
