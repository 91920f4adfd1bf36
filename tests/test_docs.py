"""Documents are tested: what they tell to run runs, what exists is described, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from run_document import matches, normalise, read_blocks, read_commands, run_document

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
RUNNABLE = [
    page for page in PAGES if any(b.language in {"python", "console"} for b in read_blocks(page.read_text("utf-8")))
]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_what_a_page_tells_to_run_runs(page, tmp_path):
    environment = {
        **os.environ,
        "RUNLORE_STORE": str(tmp_path / ".runlore"),
        "PYTHONWARNINGS": "error",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, str(ROOT / "scripts" / "run_document.py"), str(page)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in headings(target.read_text("utf-8"))):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    assert broken_links(page) == []


def test_every_page_is_in_the_index():
    index = DOCS / "README.md"
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(index) if ":" not in link}
    assert [name_of(page) for page in DOCS.rglob("*.md") if page != index and page.resolve() not in listed] == []


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bRUNLORE_[A-Z][A-Z_]*\b", text))


def test_every_environment_variable_is_described_and_exists():
    source = {name for file in (ROOT / "src").rglob("*.py") for name in variables(file.read_text("utf-8"))}
    assert source == variables((DOCS / "reference" / "configuration.md").read_text("utf-8"))


def commands() -> dict[str, list[str]]:
    """Every command of the command line with its options: `{"artifacts": ["--json", …]}`."""
    import click

    from runlore.cli import app

    found = {}

    def walk(command, name):
        common = {"--install-completion", "--show-completion", "--help"}
        names = [option for param in command.params for option in (*param.opts, *param.secondary_opts)]
        found[name] = [option for option in names if option.startswith("-") and option not in common]
        if isinstance(command, click.Group):
            context = click.Context(command)
            for child in command.list_commands(context):
                walk(command.get_command(context, child), f"{name} {child}")

    walk(app, "runlore")
    return found


def sections(text: str) -> dict[str, str]:
    """The text below each heading, by the command that the heading names in back ticks."""
    parts = re.split(r"^#+ .*?`(runlore[a-z -]*)[^`\n]*`.*$", text, flags=re.MULTILINE)
    return {name.strip(): body for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def test_every_command_and_option_is_described():
    described = sections((DOCS / "reference" / "command-line.md").read_text("utf-8"))
    missing = []
    for command, options in commands().items():
        text = described.get(command)
        if text is None:
            missing.append(command)
            continue
        missing += [f"{command} {option}" for option in options if f"`{option}" not in text]
    assert missing == []
    assert sorted(described.keys() - commands().keys()) == []


def test_the_readme_has_exactly_its_two_commands():
    shell = [
        block.text.strip() for block in read_blocks((ROOT / "README.md").read_text("utf-8")) if block.language == "sh"
    ]
    assert shell == ["pip install '.[demo]' && runlore demo", "pip install '.[test]' && pytest"]


# What follows shows that the checks above can fail.


def run(tmp_path, monkeypatch, text: str) -> int:
    page = tmp_path / "page.md"
    page.write_text(text)
    monkeypatch.chdir(tmp_path)
    return run_document(page)


def test_a_failing_block_is_found_with_its_line(tmp_path, monkeypatch):
    with pytest.raises(ZeroDivisionError) as failure:
        run(tmp_path, monkeypatch, "# Page\n\n```python\nx = 1\n```\n\n```python\nx / 0\n```\n")
    assert failure.traceback[-1].lineno + 1 == 8


def test_a_block_that_is_not_run_must_compile(tmp_path, monkeypatch):
    assert run(tmp_path, monkeypatch, "```python no-run\nlaunch_the_cluster()\n```\n") == 1
    with pytest.raises(SyntaxError):
        run(tmp_path, monkeypatch, "```python no-run\nlaunch the cluster\n```\n")


def test_a_command_that_fails_or_prints_something_else_is_found(tmp_path, monkeypatch):
    command = "$ python -c 'print(\"0.25 after 17 ms\")'"
    assert run(tmp_path, monkeypatch, f"```console\n{command}\n0.25 after 3 ms\n```\n") == 1
    with pytest.raises(AssertionError, match=r"page\.md:2: .*\nprinted:\n0\.25 after 17 ms"):
        run(tmp_path, monkeypatch, f"```console\n{command}\n0.26 after 3 ms\n```\n")
    with pytest.raises(AssertionError, match="ended with 3"):
        run(tmp_path, monkeypatch, "```console\n$ python -c 'raise SystemExit(3)'\n```\n")
    assert run(tmp_path, monkeypatch, "```console exit=3\n$ python -c 'raise SystemExit(3)'\n```\n") == 1


def test_files_that_a_page_shows_can_be_run(tmp_path, monkeypatch):
    text = "```python file=train.py\nprint('trained')\n```\n\n```console\n$ python train.py\ntrained\n```\n"
    assert run(tmp_path, monkeypatch, text) == 2


def test_commands_are_read_with_their_output_and_continuation():
    text = "$ pip install runlore\n$ runlore runs \\\n    'metrics.loss < 1'\na  b\nc\n"
    assert read_commands(text) == [
        ("pip install runlore", ""),
        ("runlore runs \\\n    'metrics.loss < 1'", "a  b\nc\n"),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("run 0192f0c1a2b4", "run 0192f0c1a2b5", True),
        ("at 2026-01-02 03:04:05", "at 2027-02-01T13:14:15.123Z", True),
        ("1.5 kB in 3 s", "870 B in 1.25 ms", True),
        ("a   b", "a b\n\n", True),
        ("loss 0.5 ...", "loss 0.5 and more", True),
        ("loss 0.50", "loss 0.51", False),
        ("succeeded", "failed", False),
        ("decade", "facade", False),
    ],
)
def test_outputs_are_compared_by_what_they_say(shown, printed, same):
    assert matches(shown, printed) is same, (normalise(shown), normalise(printed))


def test_broken_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# The one\n[a](page.md) [b](#the-one) [c](none.md) [d](#none) [e](https://example.org) `[f](g)`\n")
    assert broken_links(page) == ["none.md", "#none"]


def test_headings_name_commands():
    text = "## `runlore ls`\none\n## `runlore show RUN`\ntwo `--json`\n"
    assert sections(text) == {"runlore ls": "\none\n", "runlore show": "\ntwo `--json`\n"}


def test_a_command_runs_in_a_terminal_where_the_block_says_so(tmp_path, monkeypatch):
    command = """$ python -c "import os; print(os.isatty(1), os.get_terminal_size().columns)"\n"""
    assert run(tmp_path, monkeypatch, f"```console terminal\n{command}True 100\n```\n") == 1
    with pytest.raises(AssertionError, match="True 100"):
        run(tmp_path, monkeypatch, f"```console terminal\n{command}False 100\n```\n")
