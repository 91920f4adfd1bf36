"""The page's speed in a headless Chromium: what people wait for.

    python bench/page.py [RUNS] [POINTS] [CHARTS]

Makes a store of RUNS runs (2,000) with fifty columns, and an experiment of twenty runs with POINTS points (100,000) of
each of CHARTS metrics (4), serves it in a process of its own, and prints: script sent, seconds until the table can be
used, until the charts on screen are drawn, until a filter has answered and a zoom is fine, frames while scrolling and
the CPU that the page's main thread takes for one, and the heap.
"""

import gzip
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

import runlore
from runlore.server.page.files import find_page

SCROLL = """async () => {
  const grid = document.querySelector('[role=grid]');
  const frames = [];
  let last = performance.now();
  const end = last + 4000;
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
    grid.scrollTop += 500;
  }
  frames.sort((a, b) => a - b);
  return {count: frames.length / 4, p95: frames[Math.floor(frames.length * 0.95)], most: frames.at(-1)};
}"""


def fill(store, runs, points, charts):
    rng = random.Random(7)
    for i in range(runs):
        params = {"lr": 10 ** rng.uniform(-4, -1), "seed": i % 5, "optimizer": rng.choice(["adamw", "sgd"])}
        params |= {f"param_{j:02}": rng.random() for j in range(30)}
        with runlore.start("sweep", name=f"trial-{i:05}", params=params, store=store, capture=False) as run:
            for step in range(20):
                run.log_metrics(
                    {f"val/m{k}": rng.random() / (step + 1) for k in range(12)} | {"val/acc": rng.random()}, step=step
                )
    for i in range(20):
        with runlore.start("long", name=f"long-{i:02}", store=store, capture=False) as run:
            for step in range(points):
                spike = 9.0 if step == points // 2 and i == 19 else 0.0
                run.log_metrics(
                    {f"train/m{k}": math.exp(-step / 2e4) + rng.random() * 0.05 + spike for k in range(charts)},
                    step=step,
                )


def serve(store):
    command = [sys.executable, "-c", "import sys; from runlore.cli import main; sys.exit(main())"]
    options = ["ui", "--no-browser", "--port", "0", "--store", store]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        found = re.search(r"http://\S+", line)
        if found:
            return process, found.group().rstrip("/")
    raise SystemExit("the server did not start")


def timed(page, act, done, *arguments):
    begun = time.perf_counter()
    act()
    page.wait_for_function(done, *arguments)
    return time.perf_counter() - begun


def measure(page, address, runs):
    rows = "() => document.querySelectorAll('[role=row][id^=run-]').length > 10"
    written = f"{runs:,}".replace(",", "\u2009" if runs > 9999 else "")
    complete = f"() => document.querySelector('footer')?.textContent.startsWith('{written} runs')"
    for attempt in ("first", "again"):
        shown = timed(page, lambda: page.goto(f"{address}/?experiment=sweep&layout=table"), rows)
        print(f"{attempt}: rows {shown:.2f} s", end=", ")
        print(f"all {runs} {shown + timed(page, lambda: None, complete):.2f} s")
    query = page.get_by_role("combobox", name="Query")
    query.fill("params.lr < 0.001")
    less = f"() => Number(document.querySelector('.count b')?.textContent.replace(/[^0-9]/g, '')) < {runs}"
    print(f"filter {timed(page, lambda: page.keyboard.press('Enter'), less):.2f} s")
    query.fill("")
    page.keyboard.press("Enter")
    page.wait_for_function(complete)
    sort = page.get_by_role("columnheader").filter(has_text="val/acc").get_by_role("button").first
    print(f"sort {timed(page, sort.click, '() => document.querySelector(`[aria-sort=descending]`)'):.2f} s")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = cpu_s(session)
    frames = page.evaluate(SCROLL)
    each = (cpu_s(session) - before) / (frames["count"] * 4) * 1e3
    print(
        f"scrolling: {frames['count']:.0f} frames/s, p95 {frames['p95']:.0f} ms, longest {frames['most']:.0f} ms",
        end="",
    )
    print(f", CPU of the main thread {each:.1f} ms a frame")
    print(f"heap {heap(page):.0f} MB")


def cpu_s(session):
    """Seconds of CPU that the page's main thread took so far: not of the wall, which others on the machine lengthen."""
    return next(m["value"] for m in session.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")


def measure_charts(page, address, charts):
    page.set_viewport_size({"width": 1440, "height": 900 if charts <= 4 else 1500})
    drawn = f"""() => {{
      const seen = [...document.querySelectorAll('.card [role=img]')].filter(
        e => e.getBoundingClientRect().top < innerHeight);
      const isDrawn = e => /last/.test(e.ariaLabel) && e.ariaBusy === 'false';
      return seen.length >= Math.min({charts}, 4) && seen.every(isDrawn);
    }}"""
    act = lambda: page.goto(f"{address}/?experiment=long&layout=charts&shown=all")  # noqa: E731 - read at once
    print(f"{charts} charts of 20 long runs {timed(page, act, drawn):.2f} s")
    label = page.locator(".card [role=img]").first.get_attribute("aria-label")
    print("the spike shows:", bool(re.search(r"max 9|max 10", label)))
    box = page.locator(".card .u-over").first.bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 50, steps=4)
    with page.expect_response(lambda answer: answer.url.endswith("/curves")):
        begun = time.perf_counter()
        page.mouse.up()
    print(f"zoom {time.perf_counter() - begun:.2f} s, heap {heap(page):.0f} MB")


def heap(page):
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


@contextmanager
def opened(runs, points, charts):
    """A page of the browser, and the address of a server over a store that is made for it."""
    folder = tempfile.mkdtemp(prefix="runlore-bench-page-")
    try:
        store = os.path.join(folder, "store")
        fill(store, runs, points, charts)
        runlore.runs(store=store)
        process, address = serve(store)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                yield browser.new_page(viewport={"width": 1440, "height": 900}), address
                browser.close()
        finally:
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder)


def main(runs=2000, points=100_000, charts=4):
    scripts = {name: file for name, file in find_page().files.items() if name.endswith(".js")}
    sizes = {name: len(gzip.compress(file.content, 9)) / 1e3 for name, file in scripts.items()}
    print(f"script {sum(sizes.values()):.0f} kB gz in all, {max(sizes.values()):.0f} kB the largest")
    with opened(runs, points, charts) as (page, address):
        measure(page, address, runs)
        measure_charts(page, address, charts)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
