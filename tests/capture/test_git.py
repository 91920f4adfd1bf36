from __future__ import annotations

import os
import subprocess
import sys

import pytest
from recording import RecordingSink

from runlore.capture import _gitfiles, git
from runlore.capture.git import DIFF_NAME, GitCapture


def run_git(directory, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *identity, "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    run_git(root, "init")
    (root / "train.py").write_text("lr = 0.1\n")
    run_git(root, "add", ".")
    run_git(root, "commit", "-m", "first")
    return root


def capture(directory, **options):
    sink = RecordingSink()
    one = GitCapture(sink, str(directory), **options)
    one.start()
    one.stop()
    return sink


def test_a_clean_repository(repository):
    sink = capture(repository)
    facts = sink.facts("git")
    assert facts["commit"] == run_git(repository, "rev-parse", "HEAD")
    assert facts["branch"] == "main"
    assert facts["remote"] is None
    assert facts["root"] == str(repository)
    assert facts["dirty"] is False
    assert "error" not in facts
    assert sink.artifacts == {}


def test_the_commit_is_known_before_git_has_answered(repository):
    sink = RecordingSink()
    one = GitCapture(sink, str(repository))
    one.start()
    assert sink.events[0][2]["commit"] == run_git(repository, "rev-parse", "HEAD")
    one.stop()


def test_every_way_of_being_dirty(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "staged.py").write_text("x\n")
    run_git(repository, "add", "staged.py")
    (repository / "with space\n.py").write_text("y\n")
    sink = capture(repository)
    facts = sink.facts("git")
    assert facts["dirty"] is True
    assert facts["staged"] == ["staged.py"]
    assert facts["unstaged"] == ["train.py"]
    assert facts["untracked"] == ["with space\n.py"]
    assert facts["untracked_count"] == 1


@pytest.mark.parametrize("kind", ["staged", "untracked"])
def test_one_staged_or_untracked_file_is_enough(repository, kind):
    (repository / "new.py").write_text("x\n")
    if kind == "staged":
        run_git(repository, "add", "new.py")
    facts = capture(repository).facts("git")
    assert facts["dirty"] is True
    assert facts[kind] == ["new.py"]


def test_the_diff_can_be_applied(repository):
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "staged.py").write_text("x\n")
    run_git(repository, "add", "staged.py")
    run_git(repository, "config", "diff.noprefix", "true")
    run_git(repository, "config", "color.ui", "always")
    patch = capture(repository).artifacts[DIFF_NAME]
    run_git(repository, "reset", "--hard")
    (repository.parent / "diff.patch").write_bytes(patch)
    run_git(repository, "apply", str(repository.parent / "diff.patch"))
    assert (repository / "train.py").read_text() == "lr = 0.2\n"
    assert (repository / "staged.py").read_text() == "x\n"


def test_secrets_do_not_reach_the_diff(repository):
    (repository / "train.py").write_text("password = 'hunter2'\nkey = 'AKIAIOSFODNN7EXAMPLE'\n")
    sink = capture(repository)
    assert b"hunter2" not in sink.artifacts[DIFF_NAME]
    assert b"AKIA" not in sink.artifacts[DIFF_NAME]
    assert sink.metadata[DIFF_NAME]["redacted"] is True
    assert sink.facts("git")["diff_redacted"] is True


def test_a_huge_diff_is_cut_and_said(repository, monkeypatch, capsys):
    monkeypatch.setattr(git, "MAX_DIFF_BYTES", 10_000)
    (repository / "train.py").write_text("a line of text\n" * 100_000)
    sink = capture(repository)
    assert 5_000 < len(sink.artifacts[DIFF_NAME]) <= 10_000
    assert sink.artifacts[DIFF_NAME].endswith(b"\n")
    facts = sink.facts("git")
    assert facts["diff_truncated"] is True
    assert facts["dirty"] is True
    assert "error" not in facts
    assert "git diff is larger" in capsys.readouterr().err


def test_credentials_leave_the_remote(repository):
    run_git(repository, "remote", "add", "origin", "https://ann:hunter2@example.org/x.git")
    assert capture(repository).facts("git")["remote"] == "https://example.org/x.git"


def test_the_remote_of_the_branch_comes_first(repository):
    run_git(repository, "remote", "add", "origin", "https://example.org/origin.git")
    run_git(repository, "remote", "add", "fork", "https://example.org/fork.git")
    run_git(repository, "config", "branch.main.remote", "fork")
    assert capture(repository).facts("git")["remote"] == "https://example.org/fork.git"


def test_no_repository(tmp_path):
    assert capture(tmp_path).events == []


def test_an_empty_repository(tmp_path):
    run_git(tmp_path, "init")
    (tmp_path / "a.py").write_text("x\n")
    run_git(tmp_path, "add", "a.py")
    sink = capture(tmp_path)
    facts = sink.facts("git")
    assert (facts["commit"], facts["branch"], facts["dirty"]) == (None, "main", True)
    assert facts["staged"] == ["a.py"]
    assert b"a.py" in sink.artifacts[DIFF_NAME]
    assert "error" not in facts


def test_no_git_binary(repository, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    facts = capture(repository).facts("git")
    assert len(facts["commit"]) == 40
    assert facts["dirty"] is None
    assert "not installed" in facts["error"]


def test_a_detached_head(repository):
    run_git(repository, "checkout", "--detach")
    facts = capture(repository).facts("git")
    assert facts["branch"] is None
    assert facts["commit"] == run_git(repository, "rev-parse", "HEAD")


def test_files_alone_tell_the_commit_in_every_layout(repository, tmp_path):
    commit = run_git(repository, "rev-parse", "HEAD")
    run_git(repository, "checkout", "-b", "feature/x")
    run_git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/feature/x").exists()
    assert _gitfiles.find(str(repository)).head() == (commit, "feature/x")
    linked = tmp_path / "linked"
    run_git(repository, "worktree", "add", "-b", "other", str(linked))
    found = _gitfiles.find(str(linked))
    assert found.root == str(linked)
    assert found.head() == (commit, "other")
    run_git(repository, "remote", "add", "origin", "https://example.org/x.git")
    assert _gitfiles.find(str(linked)).remote("other") == "https://example.org/x.git"
    (linked / "deep/er").mkdir(parents=True)
    assert _gitfiles.find(str(linked / "deep/er")).root == str(linked)


def test_a_submodule_is_a_repository_of_its_own(repository, tmp_path):
    outer = tmp_path / "outer"
    outer.mkdir()
    run_git(outer, "init")
    run_git(outer, "submodule", "add", str(repository), "inner")
    found = _gitfiles.find(str(outer / "inner"))
    assert found.head() == (run_git(repository, "rev-parse", "HEAD"), "main")


@pytest.mark.parametrize(
    "head",
    [
        "ref: ../../secret",
        "ref: refs/heads/../../../secret",
        "\0",
        "",
        "ref: refs/heads/loop",
    ],
)
def test_a_hostile_head_is_no_commit(repository, head):
    (repository / "secret").write_text("0" * 40)
    (repository / ".git/refs/heads/loop").write_text("ref: refs/heads/loop")
    (repository / ".git/HEAD").write_text(head)
    assert _gitfiles.find(str(repository)).head()[0] is None


def test_a_hostile_repository_executes_nothing(repository, tmp_path):
    marker = tmp_path / "executed"
    script = tmp_path / "evil.sh"
    script.write_text(f'#!/bin/sh\necho "$0 $@" >> {marker}\ncat\n')
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean",
                "filter.evil.smudge", "core.pager", "core.sshCommand", "credential.helper"):  # fmt: skip
        run_git(repository, "config", key, str(script))
    (repository / ".git/included").write_text(f'[filter "hidden"]\n\tclean = {script}\n\trequired = true\n')
    run_git(repository, "config", "include.path", "included")
    (repository / ".git/info/attributes").write_text("*.py diff=evil filter=evil\n*.txt filter=hidden\n")
    for hook in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
        target = repository / ".git/hooks" / hook
        target.write_bytes(script.read_bytes())
        target.chmod(0o755)
    (repository / "train.py").write_text("lr = 0.3\n")
    (repository / "a.txt").write_text("x\n")
    marker.unlink(missing_ok=True)
    sink = capture(repository)
    assert not marker.exists(), marker.read_text()
    assert sink.facts("git")["dirty"] is True
    assert b"+lr = 0.3" in sink.artifacts[DIFF_NAME]


def test_the_store_is_not_a_change(repository):
    for name in (".runlore/runs/x", "out/.runlore/runs/x", "store/runs/x"):
        (repository / name).parent.mkdir(parents=True)
        (repository / name).write_text("x")
    facts = capture(repository, exclude=(str(repository / "store"),)).facts("git")
    assert facts["dirty"] is False, facts


def test_the_answer_comes_while_the_run_goes_on(repository, sink):
    (repository / "train.py").write_text("lr = 0.2\n")
    one = GitCapture(sink, str(repository))
    one.start()
    sink.wait_for(lambda: len(sink.events) == 2)
    assert sink.facts("git")["dirty"] is True
    one.stop()
    one.stop()
    assert len(sink.events) == 2


def test_a_git_that_hangs_is_ended(repository, sink, tmp_path, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "STOP_SECONDS", 0.1)
    one = GitCapture(sink, str(repository))
    one.start()
    one.stop()
    facts = sink.facts("git")
    assert facts["dirty"] is None
    assert "took too long" in facts["error"]


def test_the_repository_of_the_script_comes_before_that_of_the_working_directory(repository, tmp_path):
    source = os.path.dirname(os.path.dirname(os.path.dirname(git.__file__)))
    text = f"import sys; sys.path.insert(0, {source!r})\nfrom runlore.capture.git import find_repository\n"
    (repository / "where.py").write_text(text + "r = find_repository(); print(r and r.root)\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, str(repository / "where.py")]
    assert subprocess.check_output(command, cwd=elsewhere, text=True).strip() == str(repository)
    command = [sys.executable, "-c", (repository / "where.py").read_text()]
    assert subprocess.check_output(command, cwd=elsewhere, text=True).strip() == "None"
    assert subprocess.check_output(command, cwd=repository, text=True).strip() == str(repository)
