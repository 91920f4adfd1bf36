from __future__ import annotations

import os
import subprocess
import sys

import pytest
from recording import RecordingSink

from runlore.capture import code
from runlore.capture.code import CodeCapture


def write(root, *names, text="x = 1\n"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def capture(path, **options):
    sink = RecordingSink()
    one = CodeCapture(sink, path, **options)
    one.start()
    one.stop()
    one.stop()
    return sink


def names_of(sink):
    return sorted(name.removeprefix("code/") for name in sink.artifacts)


def test_a_directory_file_by_file(tmp_path):
    write(tmp_path, "train.py", "model/net.py", "conf/a.yaml")
    sink = capture(tmp_path)
    assert names_of(sink) == ["conf/a.yaml", "model/net.py", "train.py"]
    assert sink.artifacts["code/train.py"] == b"x = 1\n"
    assert sink.metadata["code/train.py"] == {"kind": "code", "media_type": "text/x-python", "redacted": False}
    assert sink.facts("code") == {"root": str(tmp_path), "files": 3, "bytes": 18}


def test_one_file(tmp_path):
    write(tmp_path, "train.py", "other.py")
    assert names_of(capture(str(tmp_path / "train.py"))) == ["train.py"]


def test_the_calling_script(tmp_path):
    source = os.path.dirname(os.path.dirname(os.path.dirname(code.__file__)))
    program = (
        f"import sys; sys.path.insert(0, {source!r})\nfrom runlore.capture.code import CodeCapture\n"
        "class Sink:\n    def artifact(self, content, name, **_): print(name, len(content))\n"
        "    def event(self, *a): print(*a)\nc = CodeCapture(Sink()); c.start(); c.stop()\n"
    )
    (tmp_path / "train.py").write_text(program)
    output = subprocess.check_output([sys.executable, "train.py"], cwd=tmp_path, text=True)
    assert output.splitlines()[0] == f"code/train.py {len(program)}"
    output = subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, text=True)
    assert "there is no script" in output


@pytest.mark.parametrize("repository", [True, False])
def test_gitignore_as_git_understands_it(tmp_path, repository):
    write(tmp_path, "a.py", "data/x.csv", "logs/a.log", "logs/keep.log", "sub/b.py", "sub/c.tmp", "sub/deep/d.tmp",
          "sub/deep/e.py", "build/gen.py", "sub/build/gen.py", "out/keep.me", "nested/only.txt",
          "nested/skip.py")  # fmt: skip
    (tmp_path / ".gitignore").write_text("data/\n*.log\n!keep.log\n/build/\n*.tmp\nout/*\n!out/keep.me\n# comment\n")
    (tmp_path / "sub/.gitignore").write_text("!c.tmp\n/deep/e.py\n")
    (tmp_path / "nested/.gitignore").write_text("*\n!only.txt\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-standard"]
    expected = sorted(subprocess.check_output(command, text=True).split())
    if not repository:
        subprocess.run(["rm", "-rf", str(tmp_path / ".git")], check=True)
    assert names_of(capture(tmp_path)) == expected
    assert "sub/c.tmp" in expected
    assert "logs/keep.log" in expected


def test_the_repositorys_gitignore_counts_for_a_directory_inside(tmp_path):
    write(tmp_path, "inner/a.py", "inner/b.csv", "inner/c.bin", "other.py")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.csv\n")
    (tmp_path / ".git/info").mkdir(exist_ok=True)
    (tmp_path / ".git/info/exclude").write_text("inner/*.bin\n")
    assert names_of(capture(tmp_path / "inner")) == ["a.py"]


def test_what_is_never_code(tmp_path):
    write(tmp_path, "a.py", ".git/config", "__pycache__/a.pyc", ".runlore/runs/x", "store/runs/y", "env/pyvenv.cfg",
          "env/lib/z.py", "venv/q.py", "node_modules/m.js", ".env", "server.key", "a.so", "id_rsa")  # fmt: skip
    assert names_of(capture(tmp_path, exclude=(str(tmp_path / "store"),))) == ["a.py"]


def test_links_that_leave_the_tree(tmp_path):
    write(tmp_path, "tree/a.py", "outside/secret.py")
    (tmp_path / "tree/link.py").symlink_to(tmp_path / "outside/secret.py")
    (tmp_path / "tree/inside.py").symlink_to("a.py")
    (tmp_path / "tree/directory").symlink_to(tmp_path / "outside")
    (tmp_path / "tree/loop").symlink_to(".")
    (tmp_path / "tree/dangling.py").symlink_to("nowhere")
    os.mkfifo(tmp_path / "tree/pipe")
    assert names_of(capture(tmp_path / "tree")) == ["a.py", "inside.py"]


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 2), ("MAX_TOTAL_BYTES", 15), ("MAX_FILE_BYTES", 10)])
def test_caps_are_said(tmp_path, monkeypatch, capsys, limit, value):
    write(tmp_path, "a.py", "b.py", "c.py")
    (tmp_path / "c.py").write_text("x" * 11)
    monkeypatch.setattr(code, limit, value)
    sink = capture(tmp_path)
    assert names_of(sink) == ["a.py", "b.py"]
    assert sink.facts("code")["left_out"] == ["c.py"]
    assert "1 files of" in capsys.readouterr().err


def test_secrets_in_code_are_masked_and_bytes_stay(tmp_path):
    (tmp_path / "a.py").write_bytes(b"password = 'hunter2'\nname = '\xff'\n")
    (tmp_path / "b.bin").write_bytes(bytes(range(256)))
    sink = capture(tmp_path)
    assert sink.artifacts["code/a.py"] == b"password = '***'\nname = '\xff'\n"
    assert sink.metadata["code/a.py"]["redacted"] is True
    assert sink.artifacts["code/b.bin"] == bytes(range(256))


def test_it_happens_right_after_the_start(tmp_path, sink):
    write(tmp_path, "a.py")
    one = CodeCapture(sink, tmp_path)
    one.start()
    sink.wait_for(lambda: sink.facts("code"))
    one.stop()
    assert len(sink.events) == 1
