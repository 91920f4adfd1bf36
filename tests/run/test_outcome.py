"""The program's own exception reaches its user as it is, whatever it is like, and the run says what it can of it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest

import runlore
from runlore.run import outcome

if sys.version_info < (3, 11):
    ExceptionGroup = type("ExceptionGroup", (ValueError,), {})


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLORE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("RUNLORE_CAPTURE", "0")


class Mute(Exception):
    """Its text cannot be made."""

    def __str__(self):
        raise self.args[0]

    __repr__ = __str__


class Posing(Exception):
    @property
    def __class__(self):
        raise RuntimeError("no class")


class Locked(Exception):
    """Its attributes cannot be read."""

    def __getattribute__(self, name):
        raise LookupError(name)


class Named(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")


class Text(str):
    __slots__ = ()

    def __getitem__(self, index):
        raise RuntimeError("no slices")

    def __len__(self):
        raise RuntimeError("no length")


class WithText(Exception):
    def __str__(self):
        return Text("a text of its own kind")


class NotText(Exception):
    def __str__(self):
        return 7  # noqa: PLE0307 - that is the fault


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("no copies")


def chained(length):
    error = ValueError("first")
    for number in range(length):
        following = ValueError(f"number {number}")
        following.__cause__ = error
        error = following
    return error


def circular():
    error = ValueError("circle")
    error.__cause__ = error
    return error


ERRORS = {
    "plain": ValueError("boom"),
    "no arguments": ValueError(),
    "mute": Mute(RuntimeError("no")),
    "mute by exit": Mute(SystemExit(3)),
    "mute by interrupt": Mute(KeyboardInterrupt()),
    "posing": Posing("x"),
    "locked": Locked("x"),
    "unnamed": Named("Unnamed", (Exception,), {})("x"),
    "text of its own": WithText(),
    "no text": NotText(),
    "unpicklable": Unpicklable("x"),
    "huge": ValueError("x" * 100_000_000),
    "surrogates": ValueError("\ud800 \0 \n"),
    "base": BaseException("base"),
    "generator exit": GeneratorExit(),
    "group": ExceptionGroup("several", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")] * 100)]),
    "chain": chained(2000),
    "circle": circular(),
    "arguments that cannot be shown": ValueError(Mute(RuntimeError("no"))),
    "system error": OSError(28, "No space left on device"),
    "import": ImportError("no module", name="runlore.x"),
    "exit": SystemExit("in words"),
    "exit with anything": SystemExit(Mute(RuntimeError("no"))),
    "exit with a huge number": SystemExit(10**5000),
    "exit with true": SystemExit(True),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_exception_reaches_the_program_as_it_is(name):
    error = ERRORS[name]
    with pytest.raises(BaseException) as raised:  # noqa: PT012, SIM117 - the block is what is looked at
        with runlore.start("e") as run:
            run.log_metric("m", 1.0)
            raise error
    assert raised.value is error
    assert raised.type is type(error)
    view = runlore.get_run("e#1")
    assert (view.status, view.metrics, view.lost, view.damage) == ("failed", {"m": 1.0}, 0, [])
    assert len(str(view.exit)) < 400_000


def test_what_is_recorded_of_a_strange_exception():
    assert outcome.status_of(Mute(RuntimeError("no")))[1]["message"].startswith("<a Mute without a text")
    assert outcome.status_of(ERRORS["huge"])[1]["message"].count("characters are left out") == 1
    assert outcome.status_of(ERRORS["exit with a huge number"])[1] == {"exit_code": -1, "message": "sys.exit(-1)"}
    assert outcome.status_of(ERRORS["exit with true"])[1] == {"exit_code": 1, "message": "sys.exit(1)"}
    assert outcome.status_of(WithText())[1]["message"] == "a text of its own kind"


def test_a_deep_recursion_is_cut():
    def deeper(number):
        deeper(number + 1)

    with pytest.raises(RecursionError) as raised, runlore.start("e"):
        deeper(0)
    assert "deeper" in runlore.get_run("e#1").exit["traceback"]
    assert raised.value.__traceback__ is not None


def test_an_exception_without_a_traceback():
    with runlore.start("e") as run:
        run.__exit__(ValueError, ValueError("x"), None)
    assert runlore.get_run("e#1").exit["message"] == "x"


@pytest.mark.parametrize("block", [True, False])
@pytest.mark.parametrize("raised", ["Mute()", "ValueError('x' * 10**7)", "sys.exit(Mute())", "sys.exit(10**5000)"])
def test_programs_end_as_they_would_without_a_run(tmp_path, block, raised):
    # `threading`, which a run uses: Python 3.13 says something else of its own where that is loaded.
    body = """
        import sys, threading
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no")
    """
    ending = f"raise {raised}" if not raised.startswith("sys") else raised
    plain = textwrap.dedent(body) + f"if True:\n    {ending}\n"
    with_run = textwrap.dedent(body) + "import runlore\n"
    with_run += f"with runlore.start('e'):\n    {ending}\n" if block else f"runlore.start('e')\n{ending}\n"
    ends = []
    for text in (plain, with_run):
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=60)
        ends.append((done.returncode, done.stderr.splitlines()[-1:]))
    assert ends[0] == ends[1]
    assert runlore.get_run("e#1").status == "failed"


class Endless(Exception):
    def __str__(self):  # noqa: PLE0307 - it never returns anything
        while True:
            time.sleep(0.01)


class Slow:
    def __repr__(self):
        return Endless.__str__(self)


@pytest.mark.parametrize("make", [Endless, lambda: ValueError(Slow()), lambda: ValueError(Slow(), 2)])
def test_a_text_that_never_comes_is_not_waited_for(monkeypatch, make):
    monkeypatch.setattr(outcome, "_MAX_SECONDS", 0.2)
    raised = make()
    begin = time.monotonic()
    with pytest.raises(type(raised)) as caught, runlore.start("e") as run:
        raise raised
    assert caught.value is raised
    assert time.monotonic() - begin < 5
    exit_ = runlore.get_run(run.uid).exit
    assert exit_["exception"] == type(raised).__name__
    assert "did not return within 0.2 s" in exit_["message"]
    assert "could not be made within 0.2 s" in exit_["traceback"]


def test_a_cause_whose_text_never_comes_costs_the_traceback_alone(monkeypatch):
    monkeypatch.setattr(outcome, "_MAX_SECONDS", 0.2)
    failure = KeyError("plain")
    failure.__cause__ = Endless()
    with pytest.raises(KeyError), runlore.start("e") as run:
        raise failure
    assert runlore.get_run(run.uid).exit["message"] == "'plain'"
