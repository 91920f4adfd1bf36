from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time

import pytest
from recording import RecordingSink

from runlore.capture import _gitcommand, _gitfiles, _gitstate, git
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
    monkeypatch.setattr(_gitstate, "MAX_DIFF_BYTES", 10_000)
    (repository / "train.py").write_text("a line of text\n" * 100_000)
    sink = capture(repository)
    assert 5_000 < len(sink.artifacts[DIFF_NAME]) <= 10_000
    assert sink.artifacts[DIFF_NAME].endswith(b"\n")
    facts = sink.facts("git")
    assert facts["diff_truncated"] is True
    assert facts["dirty"] is True
    assert "error" not in facts
    assert "git diff was cut: it is larger" in capsys.readouterr().err


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
    assert "changes are unknown: git ls-files took longer than 0.1 s" in facts["error"]


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


def facts_of(directory, **options):
    return capture(directory, **options).facts("git")


@pytest.fixture
def with_submodule(repository, tmp_path):
    """A repository with a submodule `lib` in which there is another one, `deep`; all of it committed."""
    deep = tmp_path / "deep"
    outer = tmp_path / "outer"
    for directory in (deep, outer):
        directory.mkdir()
        run_git(directory, "init")
    (deep / "deep.py").write_text("deep = 1\n")
    run_git(deep, "add", ".")
    run_git(deep, "commit", "-m", "deep")
    run_git(repository, "submodule", "add", str(deep), "deep")
    run_git(repository, "commit", "-m", "with a submodule")
    run_git(outer, "submodule", "add", str(repository), "lib")
    run_git(outer, "commit", "-m", "outer")
    run_git(outer, "submodule", "update", "--init", "--recursive")
    return outer


def test_a_clean_tree_with_submodules(with_submodule):
    facts = facts_of(with_submodule)
    assert facts["dirty"] is False, facts
    assert "error" not in facts


def test_an_edited_file_of_a_submodule_is_a_change_and_in_the_diff(with_submodule):
    (with_submodule / "lib/train.py").write_text("lr = 7\n")
    (with_submodule / "lib/deep/deep.py").write_text("deep = 2\n")
    (with_submodule / "lib/deep/new.py").write_text("x\n")
    sink = capture(with_submodule)
    facts = sink.facts("git")
    assert facts["dirty"] is True
    assert facts["unstaged"] == ["lib/train.py", "lib/deep/deep.py"]
    assert facts["untracked"] == ["lib/deep/new.py"]
    assert facts["commit"] == run_git(with_submodule, "rev-parse", "HEAD")
    run_git(with_submodule, "submodule", "foreach", "--recursive", "git", "checkout", "--", ".")
    patch = with_submodule.parent / "diff.patch"
    patch.write_bytes(sink.artifacts[DIFF_NAME])
    subprocess.run(["patch", "-p1", "-i", str(patch)], cwd=with_submodule, check=True, capture_output=True)
    assert (with_submodule / "lib/train.py").read_text() == "lr = 7\n"
    assert (with_submodule / "lib/deep/deep.py").read_text() == "deep = 2\n"


def test_another_commit_in_a_submodule_is_a_change(with_submodule):
    (with_submodule / "lib/train.py").write_text("lr = 7\n")
    run_git(with_submodule / "lib", "commit", "-am", "second")
    sink = capture(with_submodule)
    assert sink.facts("git")["unstaged"] == ["lib"]
    assert b"+Subproject commit" in sink.artifacts[DIFF_NAME]


@pytest.mark.parametrize("where", ["module", "setting"])
def test_a_submodule_that_is_said_to_be_ignored_is_looked_at(with_submodule, where):
    if where == "module":
        run_git(with_submodule, "config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
        run_git(with_submodule, "commit", "-am", "ignore")
    else:
        run_git(with_submodule, "config", "diff.ignoreSubmodules", "all")
        run_git(with_submodule, "config", "submodule.lib.ignore", "all")
    assert facts_of(with_submodule)["dirty"] is False
    (with_submodule / "lib/train.py").write_text("lr = 7\n")
    assert facts_of(with_submodule)["dirty"] is True


def test_files_in_a_submodule_that_was_not_checked_out_are_untracked(with_submodule):
    run_git(with_submodule, "submodule", "deinit", "-f", "lib")
    assert facts_of(with_submodule)["dirty"] is False
    (with_submodule / "lib/own.py").write_text("x\n")
    assert facts_of(with_submodule)["untracked"] == ["lib/own.py"]


def test_a_submodule_of_a_hostile_repository_executes_nothing(with_submodule, tmp_path):
    script, marker = tmp_path / "evil.sh", tmp_path / "executed"
    script.write_text(f"#!/bin/sh\necho x >> {marker}\ncat\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.process"):
        run_git(with_submodule / "lib", "config", key, str(script))
    git_directory = run_git(with_submodule / "lib", "rev-parse", "--absolute-git-dir")
    os.makedirs(f"{git_directory}/info", exist_ok=True)
    with open(f"{git_directory}/info/attributes", "w") as file:
        file.write("*.py filter=evil\n")
    (with_submodule / "lib/train.py").write_text("lr = 7\n")
    assert facts_of(with_submodule)["unstaged"] == ["lib/train.py"]
    assert not marker.exists()


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("change", ["edit", "delete", "chmod"])
def test_files_that_git_was_told_to_overlook_are_looked_at(repository, bit, change):
    run_git(repository, "update-index", bit, "train.py")
    assert facts_of(repository)["dirty"] is False
    index = (repository / ".git/index").read_bytes()
    if change == "edit":
        (repository / "train.py").write_text("lr = 0.2\n")
    elif change == "delete":
        (repository / "train.py").unlink()
    else:
        (repository / "train.py").chmod(0o755)
    assert run_git(repository, "status", "--porcelain") == ""
    sink = capture(repository)
    assert sink.facts("git")["dirty"] is True
    assert sink.facts("git")["unstaged"] == ["train.py"]
    assert b"train.py" in sink.artifacts[DIFF_NAME]
    assert (repository / ".git/index").read_bytes() == index


def test_a_sparse_checkout_is_clean_until_something_in_it_changes(repository):
    for folder in ("here", "there"):
        (repository / folder).mkdir()
        (repository / folder / "code.py").write_text("x = 1\n")
    run_git(repository, "add", ".")
    run_git(repository, "commit", "-m", "folders")
    run_git(repository, "sparse-checkout", "set", "here")
    assert not (repository / "there").exists()
    facts = facts_of(repository)
    assert (facts["dirty"], facts["sparse"]) == (False, True)
    (repository / "there").mkdir()
    (repository / "there/code.py").write_text("x = 2\n")
    facts = facts_of(repository)
    assert (facts["dirty"], facts["unstaged"]) == (True, ["there/code.py"])


def test_a_file_that_is_only_intended_to_be_added(repository):
    (repository / "new.py").write_text("x\n")
    run_git(repository, "add", "-N", "new.py")
    sink = capture(repository)
    assert sink.facts("git")["unstaged"] == ["new.py"]
    assert b"+x" in sink.artifacts[DIFF_NAME]


def test_a_changed_mode(repository):
    (repository / "train.py").chmod(0o755)
    assert facts_of(repository)["unstaged"] == ["train.py"]


def test_a_repository_inside_that_nobody_added_is_untracked(repository):
    inner = repository / "inner"
    inner.mkdir()
    run_git(inner, "init")
    assert facts_of(repository)["untracked"] == ["inner/"]


def test_a_repository_inside_that_was_added_without_being_a_submodule(repository):
    inner = repository / "inner"
    inner.mkdir()
    run_git(inner, "init")
    (inner / "a.py").write_text("a = 1\n")
    run_git(inner, "add", ".")
    run_git(inner, "commit", "-m", "inner")
    run_git(repository, "-c", "advice.addEmbeddedRepo=false", "add", "inner")
    run_git(repository, "commit", "-m", "outer")
    assert facts_of(repository)["dirty"] is False
    (inner / "a.py").write_text("a = 2\n")
    assert facts_of(repository)["unstaged"] == ["inner/a.py"]


def test_a_replaced_commit_does_not_hide_changes(repository):
    first = run_git(repository, "rev-parse", "HEAD")
    (repository / "train.py").write_text("lr = 0.2\n")
    run_git(repository, "commit", "-am", "second")
    second = run_git(repository, "rev-parse", "HEAD")
    run_git(repository, "reset", "--soft", first)
    run_git(repository, "replace", first, second)
    assert run_git(repository, "status", "--porcelain") == ""
    assert facts_of(repository)["dirty"] is True


def test_a_change_that_keeps_size_and_time(repository):
    run_git(repository, "config", "core.trustctime", "false")
    path = repository / "train.py"
    os.utime(path, (1e9, 1e9))
    run_git(repository, "update-index", "--refresh")
    time.sleep(1.1)  # git compares whole seconds
    path.write_text("lr = 0.9\n")
    os.utime(path, (1e9, 1e9))
    assert facts_of(repository)["dirty"] is True


def test_what_git_ignores_is_no_change(repository):
    (repository / ".gitignore").write_text("*.log\n")
    run_git(repository, "add", ".")
    run_git(repository, "commit", "-m", "ignore")
    (repository / "a.log").write_text("x")
    assert facts_of(repository)["dirty"] is False


# -- recorded in time, or said ----------------------------------------------------------------------------------


@pytest.mark.parametrize("slow", ["parse_status", "artifact", "event"])
def test_what_another_thread_is_recording_is_recorded_when_stop_returns(repository, sink, monkeypatch, slow):
    (repository / "train.py").write_text("lr = 0.2\n")
    at_it = threading.Event()

    def slowly(function):
        def wrapper(*arguments, **options):
            if threading.current_thread() is not threading.main_thread():
                at_it.set()
                time.sleep(0.4)
            return function(*arguments, **options)

        return wrapper

    place = _gitstate if slow == "parse_status" else sink
    monkeypatch.setattr(place, slow, slowly(getattr(place, slow)))
    one = GitCapture(sink, str(repository))
    one.start()
    assert at_it.wait(20)
    one.stop()
    assert sink.facts("git")["dirty"] is True
    assert DIFF_NAME in sink.artifacts


def test_a_thread_that_hangs_while_it_records_is_said(repository, sink, monkeypatch):
    monkeypatch.setattr(git, "RECORD_SECONDS", 0.1)
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(_output):
        hangs.set()
        goes_on.wait(20)
        return {"staged": [], "unstaged": [], "untracked": []}

    monkeypatch.setattr(_gitstate, "parse_status", hang)
    one = GitCapture(sink, str(repository))
    one.start()
    assert hangs.wait(20)
    one.stop()
    facts = sink.facts("git")
    goes_on.set()
    assert facts["dirty"] is None
    assert "could not be recorded in time" in facts["error"]


def test_a_failure_of_ours_is_said_and_nothing_is_called_clean(repository, monkeypatch):
    monkeypatch.setattr(_gitstate, "parse_status", lambda _output: 1 / 0)
    facts = facts_of(repository)
    assert facts["dirty"] is None
    assert "ZeroDivisionError" in facts["error"]


@pytest.fixture
def git_that(tmp_path, monkeypatch):
    """Put a shell script before git, which it can start as `$git`."""
    real = shutil.which("git")

    def install(body):
        programs = tmp_path / "programs"
        programs.mkdir(exist_ok=True)
        (programs / "git").write_text(f"#!/bin/sh\ngit={real}\n{body}\n")
        (programs / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    return install


def test_of_a_diff_that_took_too_long_its_beginning_is_kept(repository, monkeypatch, git_that, capsys):
    monkeypatch.setattr(git, "STOP_SECONDS", 1.0)
    git_that('case "$*" in *" diff "*) printf "diff --git a/x b/x\\n+one\\n+tw"; exec sleep 60;; esac; exec $git "$@"')
    sink = capture(repository)
    facts = sink.facts("git")
    assert sink.artifacts[DIFF_NAME] == b"diff --git a/x b/x\n+one\n"
    assert (facts["dirty"], facts["diff_truncated"]) == (True, True)
    assert "git diff took longer than 1 s" in facts["diff_cut"]
    assert "not all changes are known" in facts["error"]
    assert "the git diff was cut" in capsys.readouterr().err


def test_of_a_status_that_took_too_long_what_it_said_counts(repository, monkeypatch, git_that):
    monkeypatch.setattr(git, "STOP_SECONDS", 1.0)
    git_that('case "$*" in *" status "*) printf "? new.py\\0? hal"; exec sleep 60;; esac; exec $git "$@"')
    facts = facts_of(repository)
    assert (facts["dirty"], facts["untracked"]) == (True, ["new.py"])
    assert "git status took longer than 1 s" in facts["error"]


@pytest.mark.parametrize("command", ["ls-files", "config", "status", "diff"])
def test_a_command_that_fails_leaves_no_clean_tree(repository, git_that, command):
    git_that(f'case "$*" in *" {command} "*) echo "fatal: told you so" >&2; exit 9;; esac; exec $git "$@"')
    facts = facts_of(repository)
    assert facts["dirty"] is None
    assert f"git {command} ended with code 9 and said: fatal: told you so" in facts["error"]


def test_a_git_that_complains_at_length_does_not_hang(repository, git_that):
    git_that('case "$*" in *" status "*) head -c 300000 /dev/zero >&2;; esac; exec $git "$@"')
    assert facts_of(repository)["dirty"] is False


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_dubious_ownership_is_told_with_what_to_do(repository):
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    facts = facts_of(repository)
    assert facts["dirty"] is None
    assert "dubious ownership" in facts["error"]
    assert f"git config --global --add safe.directory {repository}" in facts["error"]


def test_no_descriptor_left_is_said(repository, sink):
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    one = GitCapture(sink, str(repository))
    one.start()
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, before[1]))
    try:
        one.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    facts = sink.facts("git")
    assert facts["dirty"] is None
    assert "Too many open files" in facts["error"]


# -- many runs in one process -----------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """The git commands that were started, by name."""
    names = []
    start = _gitcommand.Command._start

    def counted(self, *arguments):
        names.append(self.name)
        start(self, *arguments)

    monkeypatch.setattr(_gitcommand.Command, "_start", counted)
    return names


@pytest.fixture
def settled(repository):
    """A repository in which nothing has changed for a while, with what the tests below change."""
    for folder in ("package", "empty/within", "ignored"):
        (repository / folder).mkdir(parents=True)
    (repository / "package/module.py").write_text("x = 1\n")
    (repository / ".gitignore").write_text("ignored/\n*.log\n")
    run_git(repository, "add", ".")
    run_git(repository, "commit", "-m", "second")
    run_git(repository, "branch", "other", "HEAD~1")
    (repository / "package/notes").mkdir()
    (repository / "package/notes/only.txt").write_text("x\n")
    time.sleep(0.1)
    return repository


def test_nothing_is_asked_again_while_nothing_changes(settled, asked):
    first = capture(settled)
    before = list(asked)
    time.sleep(0.1)
    (settled / "ignored/output.txt").write_text("x")
    second, third = capture(settled), capture(settled)
    assert before == ["git ls-files", "git config", "git status", "git diff"]
    assert asked[len(before) :] == ["git check-ignore"]
    assert first.facts("git") == second.facts("git") == third.facts("git")


def test_a_diff_is_every_runs_own(settled, asked):
    (settled / "train.py").write_text("lr = 0.3\n")
    time.sleep(0.1)
    sinks = [capture(settled) for _ in range(3)]
    assert asked.count("git diff") == 1
    assert all(b"+lr = 0.3" in sink.artifacts[DIFF_NAME] for sink in sinks)


CHANGES = {
    "edit": lambda root: (root / "package/module.py").write_text("x = 2\n"),
    "edit in place": lambda root: os.pwrite(os.open(root / "package/module.py", os.O_WRONLY), b"y", 0),
    "edit and set the time back": lambda root: (
        (root / "package/module.py").write_text("x = 2\n"), os.utime(root / "package/module.py", (1e9, 1e9))
    ),
    "chmod": lambda root: (root / "train.py").chmod(0o755),
    "delete": lambda root: (root / "train.py").unlink(),
    "rename over": lambda root: (
        (root.parent / "n").write_text("lr = 9\n"), (root.parent / "n").rename(root / "train.py")
    ),
    "new file": lambda root: (root / "package/new.py").write_text("x\n"),
    "new file in an empty directory": lambda root: (root / "empty/within/new.py").write_text("x\n"),
    "new directory": lambda root: ((root / "a/b").mkdir(parents=True), (root / "a/b/new.py").write_text("x\n")),
    "the last untracked file removed": lambda root: (root / "package/notes/only.txt").unlink(),
    "stage": lambda root: ((root / "train.py").write_text("lr = 5\n"), run_git(root, "add", ".")),
    "another commit": lambda root: run_git(root, "commit", "--allow-empty", "-m", "third"),
    "another branch": lambda root: run_git(root, "checkout", "other"),
    "another branch of the same commit": lambda root: run_git(root, "checkout", "-b", "third"),
    "reset": lambda root: run_git(root, "reset", "--soft", "HEAD~1"),
    "ignore": lambda root: (root / ".gitignore").write_text("*.txt\n"),
    "exclude": lambda root: (root / ".git/info/exclude").write_text("*.txt\n"),
    "setting": lambda root: (
        (root.parent / "all").write_text("*.txt\n"),
        run_git(root, "config", "core.excludesFile", str(root.parent / "all")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("wait_s", [0, 0.1])
def test_whatever_changes_between_two_runs_is_seen_by_the_second(settled, change, wait_s):
    for _ in range(3):
        capture(settled)
    time.sleep(wait_s)
    change(settled)
    second = capture(settled)
    git._known = None
    fresh = capture(settled)
    assert second.facts("git") == fresh.facts("git")
    assert second.artifacts == fresh.artifacts


def test_a_submodule_that_changes_between_two_runs_is_seen(with_submodule, asked):
    time.sleep(0.1)
    for _ in range(3):
        assert facts_of(with_submodule)["dirty"] is False
    assert asked.count("git status") == 3  # one each of the three repositories
    (with_submodule / "lib/deep/deep.py").write_text("deep = 3\n")
    assert facts_of(with_submodule)["unstaged"] == ["lib/deep/deep.py"]


def test_changes_in_quick_succession_are_all_seen(settled):
    for number in range(30):
        (settled / "train.py").write_text(f"lr = {number:02}\n")
        assert f"+lr = {number:02}".encode() in capture(settled).artifacts[DIFF_NAME]
