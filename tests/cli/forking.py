"""Runs many commands, each in a child of one process that has loaded all modules: a process each would take minutes.

    python forking.py < cases.json > results.json

A case is `{"arguments": […], "condition": "closed stdout", "directory": "…"}`. A child has files for its streams, or
what the condition says, made anew as the interpreter makes them when it starts; what the interpreter does at its end is
done as well.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile

import runlore
import runlore.cli

READ, WRITE = os.O_RDONLY, os.O_WRONLY


def open_streams(condition: str, out: str, err: str) -> None:
    """Descriptors 0, 1 and 2, and the streams of `sys`, as a new process with them would have them."""
    broken = os.pipe()
    os.close(broken[0])
    targets = {0: os.open(os.devnull, READ), 1: os.open(out, WRITE), 2: os.open(err, WRITE)}
    if condition == "full stdout":
        targets[1] = os.open("/dev/full", WRITE)
    if condition == "full stderr":
        targets[2] = os.open("/dev/full", WRITE)
    if condition == "broken pipe":
        targets[1] = broken[1]
    for number, target in targets.items():
        os.dup2(target, number)
    os.closerange(3, 256)
    encoding = "ascii" if condition == "LC_ALL=C" else "utf-8"
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115 - as long as the child lives
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", encoding=encoding, closefd=False, errors="backslashreplace")  # noqa: SIM115 - as above
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if condition == f"closed {name}":
            os.close(number)
            setattr(sys, name, None)


def child(case: dict, out: str, err: str) -> int:
    os.chdir(case["directory"])
    open_streams(case["condition"], out, err)
    if "=" in case["condition"]:
        name, _, value = case["condition"].partition("=")
        os.environ[name] = value
    sys.argv = ["runlore", *case["arguments"]]
    code = 0
    try:
        runlore.cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - whatever ends a process with a traceback
        import traceback

        traceback.print_exc()
        code = 99
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # noqa: PERF203 - there are two
            code = 120  # as the interpreter ends
    return code


def run(case: dict) -> dict:
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os._exit(child(case, out.name, err.name))
        status = os.waitpid(pid, 0)[1]
        code = os.waitstatus_to_exitcode(status)
        return {**case, "code": code, "out": out.read().decode("utf-8", "replace"), "err": err.read().decode()}


def load() -> None:
    """Load what commands load when they are called, so that no child has to: in a store of its own."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        for index in range(2):
            with runlore.start("e", params={"p": index}, capture=False) as made:
                made.log_metric("loss", 1, step=index)
        runlore.registry.register("model", "s", "n", artifacts={"a": b"1"})
        runlore.experiment("e").summary()
        for arguments in (
            ["runs", "metrics.loss < 1"], ["show", "e#1"], ["diff", "e#1", "e#2"], ["data", "e"], ["plot", "e", "loss"],
            ["logs", "e#1", "-f"], ["artifacts", "e#1"], ["top"], ["cards"], ["card", "show", "model/s/n"],
            ["tag", "e#1"], ["gc"], ["seal"], ["doctor"], ["export", "-o", "x.runlore"], ["import", "x.runlore"],
            ["merge", "."],
        ):  # fmt: skip
            runlore.cli.run(arguments)
        os.chdir(here)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    with open(os.devnull, "w") as null:
        streams, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), null, null
        load()
        gc.freeze()  # no child looks through what all of them share
        sys.stdout, sys.stderr = streams
    json.dump([run(case) for case in given], sys.stdout)
