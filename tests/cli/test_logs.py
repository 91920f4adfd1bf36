from __future__ import annotations

import threading

import runlore


def test_the_console_of_a_run(cli, runs):
    assert cli("logs", "iris#1").lines == ["begin 1", "end 1", "a warning"]
    assert cli("logs", "iris#1", "--stream", "stderr").lines == ["a warning"]
    assert cli("logs", "iris#1", "--tail", "2").lines == ["end 1", "a warning"]


def test_lines_have_times_of_their_own(cli, runs):
    first, second, _ = cli("logs", "iris#1", "--json").json()["lines"]
    assert (first["stream"], first["text"]) == ("stdout", "begin 1")
    assert int(second["time"][20:29]) - int(first["time"][20:29]) in (5_000_000, 5_000_000 - 10**9)
    assert cli("logs", "iris#1", "-t").lines[0].endswith("  begin 1")


def test_a_run_without_output(cli, runs):
    printed = cli("logs", "vision/cifar 10#1")
    assert printed.out == ""
    assert "no console output" in printed.err


def test_following_ends_with_the_run(cli, store):
    run = runlore.start("live", capture=False)
    run.log_event("log", "stdout", "first")

    def go_on():
        for number in range(20):
            run.log_event("log", "stdout", f"line {number}")
        run.finish()

    timer = threading.Timer(0.1, go_on)
    timer.start()
    printed = cli("logs", "live#1", "--follow")
    timer.join()
    assert printed.lines == ["first", *(f"line {number}" for number in range(20))]
    assert "the run has succeeded" in printed.err


def test_following_a_run_that_ended(cli, runs):
    assert cli("logs", "iris#1", "-f", "-n", "1").lines == ["a warning"]
