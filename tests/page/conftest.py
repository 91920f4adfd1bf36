"""The page in a real browser, on a real server over a store of real runs.

Skipped, and said so, where there is no Chromium or the page was not built.
"""

from __future__ import annotations

import base64
import io
import math
import pathlib
import random
import shutil
import wave

import pytest
from tests.server.live import serving

import runlore
from runlore.server.page.files import find_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE = {"width": 1440, "height": 900}


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("tests of the page need a Chromium on PATH: apt-get install chromium")
    if find_page().missing:
        pytest.skip(f"tests of the page need the page ({find_page().missing}): cd ui && npm ci && npm run build")
    sync_api = pytest.importorskip("playwright.sync_api", reason="tests of the page need Playwright's Python package")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield opened
        opened.close()


def train(
    store,
    experiment,
    name,
    *,
    lr,
    seed,
    optimizer="adamw",
    status="succeeded",
    steps=60,
    spike=None,
    nan=None,
    tags=None,
):
    """A run with curves that are known."""
    run = runlore.start(
        experiment, name=name, store=store, capture=False, tags=tags or {},
        params={"lr": lr, "seed": seed, "optimizer": {"name": optimizer}, "epochs": 60},
    )  # fmt: skip
    rng = random.Random(seed)
    for step in range(steps):
        loss = 0.2 + lr + 2 * math.exp(-step / 15) + rng.gauss(0, 0.01)
        if step == spike:
            loss = 9.0
        if step == nan:
            loss = math.nan
        run.log_metrics({"val/loss": loss, "val/acc": 1 - math.exp(-step / 20) - lr / 10}, step=step * 10)
    run.finish(status)
    return run


def kinds_of_files():
    """One small file of each kind that there is a preview of."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sound, table = io.BytesIO(), io.BytesIO()
    with wave.open(sound, "wb") as writer:
        writer.setparams((1, 2, 8000, 80, "NONE", ""))
        writer.writeframes(bytes(160))
    pq.write_table(pa.table({"label": ["cat", "dog"], "score": [0.5, 0.25]}), table)
    return {
        "dot.png": base64.b64decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        ),
        "mark.svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>",
        "sound.wav": sound.getvalue(), "scores.parquet": table.getvalue(), "conf.yaml": b"lr: 0.1\nlayers: [1, 2]\n",
        "values.json": b'{"layers": 24}', "train.py": b"def train():\n    return 1\n",
        "film.webm": (pathlib.Path(__file__).parents[1] / "assets" / "film.webm").read_bytes(),
        "paper.pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    }  # fmt: skip


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Two dozen runs: two optimizers, three rates, four seeds; failures, a NaN, a spike, names that differ late."""
    root = tmp_path_factory.mktemp("page")
    store = str(root / "store")
    for optimizer in ("adamw", "sgd"):
        for lr in (0.1, 0.01, 0.001):
            for seed in range(4):
                last = optimizer == "sgd" and lr == 0.001 and seed == 3
                name = f"resnet50-imagenet-pretrained-{optimizer}-lr{lr}-seed{seed}"
                train(
                    store, "vision/cifar10", name, lr=lr, seed=seed, optimizer=optimizer,
                    status="failed" if seed == 3 and optimizer == "adamw" else "succeeded",
                    spike=30 if last else None, nan=40 if last else None, tags={"best": ""} if last else None,
                )  # fmt: skip
    (root / "report.md").write_text("# Report\n\nAccuracy **0.94**.\n\n<script>window.harmed = 1</script>\n")
    (root / "page.html").write_text(
        "<p>hello</p><i></i><script>"
        "const [p] = document.querySelectorAll('p'); p.textContent = 'turned';"
        "fetch('/api/v1/info').catch(() => { document.querySelector('i').textContent = 'no network'; });"
        "try { p.title = document.cookie; } catch { p.title = 'no cookies'; }"
        "parent.harmed = 1;</script>"
    )
    (root / "table.csv").write_text('id,label\n1,"a, b"\n2,c\n')
    run = runlore.start("nlp/translation", name="console", store=store, params={"lr": 1}, capture=False)
    for file in ("report.md", "page.html", "table.csv"):
        run.log_artifact(str(root / file))
    for name, content in kinds_of_files().items():
        run.log_artifact(content, f"kinds/{name}")
    run.log_metric("bleu", 30.0, step=1)
    run.finish()
    return store


@pytest.fixture(scope="session")
def address(stored):
    with serving(stored) as found:
        yield found


class Desk:
    """A page of the browser, with what it wrote to its console."""

    def __init__(self, page, address):
        self.page = page
        self.address = address
        self.complaints = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message):
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def open(self, path=""):
        self.page.goto(f"{self.address}/{path}")
        self.page.wait_for_selector("[role=row][id^=run-], article, .message, .charts .card")
        return self

    def rows(self):
        """Names in the table, from top to bottom."""
        return self.page.eval_on_selector_all(
            "[role=row][id^=run-]",
            "rows => rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
            ".map(row => row.querySelector('a').title.split('\\n')[0])",
        )

    def parameters(self):
        return self.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")


@pytest.fixture
def desk(browser, address):
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce", accept_downloads=True)
    made = Desk(context.new_page(), address)
    yield made
    complaints = [text for text in made.complaints if "favicon" not in text]
    context.close()
    assert complaints == []
