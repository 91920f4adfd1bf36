"""Pictures of every view of the page, light and dark, on a desk and on a phone: to look at after each change.

    python scripts/page_pictures.py http://127.0.0.1:5173 DIRECTORY [VIEW ...]

Needs Playwright's Python package and a Chromium on PATH. Prints what the page wrote to the console: it is to be
nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.request

SIZES = {"desk": (1440, 900), "phone": (390, 844)}
VIEWS = {
    "work": "",
    "table": "?layout=table",
    "charts": "?layout=charts&smooth=ema-0.8",
    "group": "?group=params.optimizer%2Fname",
    "empty": "?query=number+%3D+-1",
    "run": "runs/{uid}",
    "run-charts": "runs/{uid}/charts",
    "system": "runs/{uid}/system",
    "console": "runs/{uid}/console",
    "artifacts": "runs/{uid}/artifacts",
    "events": "runs/{uid}/events",
    "code": "runs/{uid}/code",
}


def first_run(address: str) -> str:
    """The uid of the newest run."""
    body = json.dumps({"query": "", "experiment": None, "columns": ["name"], "limit": 3}).encode()
    request = urllib.request.Request(  # noqa: S310 - an address that the caller gave
        f"{address}/api/v1/runs/table", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 - as above
        return str(json.load(response)["uids"][-1])


def main(address: str, directory: str, *names: str) -> None:
    from playwright.sync_api import sync_playwright

    os.makedirs(directory, exist_ok=True)
    uid = first_run(address)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
                )
                page = context.new_page()
                page.on("console", lambda message: print("console:", message.type, message.text))
                page.on("pageerror", lambda error: print("error:", error))
                for name, path in VIEWS.items():
                    if names and name not in names:
                        continue
                    page.goto(f"{address}/{path.format(uid=uid)}")
                    page.wait_for_selector("[data-ready], .message, [role=grid]")
                    page.wait_for_timeout(900)
                    page.screenshot(path=os.path.join(directory, f"{name}-{size}-{theme}.png"))
                context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), *sys.argv[2:])
