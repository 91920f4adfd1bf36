"""How long the page takes to answer a click: from the input to the next paint, and the CPU of its main thread.

    python bench/page_clicks.py [RUNS]

Makes a store of RUNS runs (2,000) with fifty columns, serves it, clicks each kind of control once, prints the kinds,
the slowest first. On a machine that does other things the CPU is what counts.
"""

import sys

from page import cpu_s, opened

# The browser's own measure of an interaction (Event Timing, in steps of 8 ms; what took less is not told of).
WATCH = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.interactionId) longest = Math.max(longest, entry.duration);
  }).observe({type: "event", durationThreshold: 16});
}"""
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)))"


def clicks(page):
    """Name and act of each kind of click, in an order in which each finds its control."""
    button = lambda name, **more: page.get_by_role("button", name=name, **more).first  # noqa: E731 - read at once
    heading = page.get_by_role("columnheader").filter(has_text="val/acc").get_by_role("button").first
    row = page.locator("[role=row][id^=run-]")
    key = page.keyboard.press
    yield "view: Table", button("Table", exact=True).click
    yield "pointer of keys down", lambda: key("j")
    yield "sort by a metric", heading.click
    yield "sort the other way", heading.click
    yield "menu of a column", lambda: heading.click(button="right")
    yield "close a menu", lambda: key("Escape")
    yield "select a run", lambda: row.nth(2).click(position={"x": 300, "y": 10})
    yield "select a range", lambda: row.nth(9).click(position={"x": 300, "y": 10}, modifiers=["Shift"])
    yield "select all", lambda: key("Control+a")
    yield "clear the selection", lambda: key("Escape")
    yield "menu of groups", button("Group").click
    yield "group by a param", page.get_by_role("button", name="seed").first.click
    yield "close the menu of groups", lambda: key("Escape")
    yield "close a group", page.locator("[role=row][id^=group-] .fold").first.click
    yield "view: Split", page.get_by_label("Runs and charts").first.click
    yield "a group's curves open", page.locator("[role=row][id^=group-] .fold").first.click
    yield "a run's curves off", lambda: key("v")
    yield "view: Charts", button("Charts", exact=True).click
    yield "legend: hide", page.locator("[data-line]").first.click
    yield "log y", button("Log y").click
    yield "smoothing", button("Smoothing").click
    yield "smoothing: Gaussian", page.get_by_role("button", name="Gaussian").click
    yield "close smoothing", lambda: key("Escape")
    yield "enlarge a chart", page.get_by_role("button", name="Enlarge").first.click
    yield "close it", lambda: key("Escape")
    yield "palette", lambda: key("Control+k")
    yield "palette: type", lambda: page.keyboard.type("t")
    yield "close the palette", lambda: key("Escape")
    yield "theme", page.get_by_label("Dark theme").first.click


def measure(page, address):
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"{address}/?experiment=sweep")
    page.wait_for_function("() => document.querySelectorAll('[role=row][id^=run-]').length > 10")
    page.wait_for_load_state("load")
    page.wait_for_timeout(2_000)
    page.evaluate(WATCH)
    found = []
    for name, act in clicks(page):
        page.evaluate("longest = 0")
        before = cpu_s(session)
        act()
        page.evaluate(PAINTED)
        found.append((page.evaluate("longest"), (cpu_s(session) - before) * 1e3, name))
        page.wait_for_timeout(300)
    return found


def main(runs=2000):
    with opened(runs, 1_000, 4) as (page, address):
        found = measure(page, address)
    for painted, cpu, name in sorted(found, reverse=True):
        print(f"{name:26} painted after {painted:4.0f} ms, CPU of the main thread {cpu:4.0f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
