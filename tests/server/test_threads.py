"""Threads in which endpoints answer: what they give back, how many there are, and how they end."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from runlore.server.threads import Threads


@pytest.fixture
def threads():
    made = Threads(most=3)
    yield made
    made.close()


def run(coroutine):
    """What a coroutine gives in a loop of its own. Other tests of this process may have left theirs in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def test_what_a_function_returns_or_raises_comes_back(threads):
    async def asked():
        assert await threads.run(divmod, 7, 2) == (3, 1)
        assert await threads.run(threading.get_ident) != threading.get_ident()
        for error in (ZeroDivisionError, SystemExit):
            with pytest.raises(error):
                await threads.run(fail, error)
        with pytest.raises(RuntimeError, match="StopIteration"):  # as every coroutine has it
            await threads.run(fail, StopIteration)

    run(asked())


def fail(error):
    raise error


def test_as_many_work_at_once_as_are_needed_and_may_be(threads):
    """One that hangs keeps one thread; more than there are wait, and none is forgotten."""
    together, held = threading.Barrier(3), threading.Event()

    async def asked():
        first = [asyncio.ensure_future(threads.run(together.wait, 10)) for _ in range(3)]
        assert sorted(await asyncio.gather(*first)) == [0, 1, 2]
        hanging = [asyncio.ensure_future(threads.run(held.wait)) for _ in range(2)]
        assert await asyncio.gather(*(threads.run(abs, -number) for number in range(200))) == list(range(200))
        hanging.append(asyncio.ensure_future(threads.run(held.wait)))
        waiting = [asyncio.ensure_future(threads.run(threading.get_ident)) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(future.done() for future in (*hanging, *waiting))
        held.set()
        assert all(await asyncio.gather(*hanging))
        return set(await asyncio.gather(*waiting))

    assert len(run(asked())) <= 3


def test_one_thread_serves_those_who_ask_one_after_the_other(threads):
    async def asked():
        return {await threads.run(threading.get_native_id) for _ in range(50)}

    assert len(run(asked())) <= 2  # the first may be about to say that it is free


def test_who_is_cancelled_is_not_waited_for_and_nothing_else_is_upset(threads):
    held, was_called = threading.Event(), threading.Event()

    def hang():
        held.wait()
        was_called.set()

    async def asked():
        hanging = asyncio.ensure_future(threads.run(hang))
        await asyncio.sleep(0)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        held.set()
        assert await threads.run(was_called.wait, 10)
        assert await threads.run(abs, -1) == 1

    run(asked())


def test_nothing_of_an_answer_is_kept(threads):
    class Answer:
        pass

    async def asked():
        return weakref.ref(await threads.run(Answer))

    kept = run(asked())
    run(threads.run(int))  # the thread is at the next one by now
    gc.collect()
    assert kept() is None


HANGS = """
import asyncio, threading
from runlore.server.threads import Threads

async def asked(threads):
    asyncio.ensure_future(threads.run(threading.Event().wait))
    asyncio.ensure_future(threads.run(threading.Event().wait, 0.05))
    await asyncio.sleep(0)

threads = Threads()
asyncio.run(asked(threads))
threads.close()
threading.Event().wait(0.1)
print("ended")
"""


def test_a_disk_that_hangs_does_not_keep_the_process():
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("ended\n", "")  # also of the one that came back after the loop was closed


def test_who_asks_after_the_end_is_told(threads):
    threads.close()
    with pytest.raises(RuntimeError, match="ended"):
        run(threads.run(int))
