"""The pictures of the documents: the page as it shows what `runlore demo` records.

    python scripts/document_pictures.py [DIRECTORY]      # by default docs/pictures

Needs what the demo needs, Playwright's Python package, a Chromium on PATH, and the page (`npm run build` in `ui`).
Trains for some seconds, serves the store on this machine, and ends.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = {"width": 1280, "height": 760}
RUNS = "demo/digits"

TABLE = f"?experiment={RUNS}&layout=split&sort=-metrics.val/acc&keys=/val|train/"
VIEWS = {
    "page": ("light", TABLE),
    "dark": ("dark", TABLE),
    "run": ("light", "runs/{uid}"),
    "artifacts": ("light", "runs/{uid}/artifacts"),
}
"""The theme and the address below the page's, by the name of the picture."""

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def take(address: str, directory: Path) -> None:
    """Take each picture."""
    from playwright.sync_api import sync_playwright

    uid = best_run(address)
    with sync_playwright() as playwright:
        browser: Any = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for name, (theme, path) in VIEWS.items():
            context = browser.new_context(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
            page = context.new_page()
            page.goto(f"{address}/{path.format(uid=uid)}")
            page.wait_for_selector("[data-ready], [role=grid]")
            page.wait_for_timeout(1_500)  # until curves are drawn
            point_at(page, name)
            page.screenshot(path=directory / f"{name}.png")
            context.close()
        browser.close()


def point_at(page: Any, name: str) -> None:
    """Show what a pointer shows: the tooltip of a chart, or the picture among the artifacts."""
    if name in ("page", "dark"):
        page.locator("section.card").first.hover(position={"x": 180, "y": 80})
        page.wait_for_timeout(400)
    if name == "artifacts":
        page.get_by_text("confusion_matrix.png").click()
        page.wait_for_timeout(700)


def best_run(address: str) -> str:
    """The uid of the network with the greatest accuracy on the validation set."""
    question: dict[str, Any] = {
        "query": "params.lr > 0 and status = 'succeeded'", "order_by": "-metrics.val/acc", "experiment": RUNS,
        "columns": [], "limit": 1,
    }  # fmt: skip
    request = urllib.request.Request(  # noqa: S310 - of this machine
        f"{address}/api/v1/runs/table", json.dumps(question).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 - as above
        return str(json.load(response)["uids"][0])


def main(directory: str = str(PICTURES)) -> None:
    """Train, serve, take, end."""
    with tempfile.TemporaryDirectory() as place:
        capture = "environment,console,hardware"  # no commit: the picture is not of this clone
        environment = {**os.environ, "RUNLORE_STORE": os.path.join(place, ".runlore"), "RUNLORE_CAPTURE": capture}
        subprocess.run([sys.executable, "-m", "runlore", "demo"], cwd=place, env=environment, check=True)
        serving = [sys.executable, "-m", "runlore", "ui", "--no-browser", "--port", "0"]
        with subprocess.Popen(
            serving, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as server:
            try:
                said = iter(server.stdout or ())
                address = next(found[0] for line in said if (found := _ADDRESS.search(line)))
                take(address, Path(directory))
            finally:
                server.terminate()


if __name__ == "__main__":
    main(*sys.argv[1:])
