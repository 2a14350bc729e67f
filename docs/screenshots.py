"""Takes the pictures of the page in docs/images: a store of real runs, made for them, seen in Chromium.

python docs/screenshots.py        (needs scikit-learn, Pillow, Playwright and a Chromium, as the tests do)
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

IMAGES = Path(__file__).parent / "images"
SIZE: Any = {"width": 1440, "height": 900}
TRAIN = '''
"""Trains a network to read digits; `--noise` adds noise from some epoch on."""
import argparse
import time

import anew
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.003)
parser.add_argument("--optimizer", default="adam")
parser.add_argument("--width", type=int, default=32)
parser.add_argument("--noise", type=int, default=0)
chosen = parser.parse_args()
x, y = load_digits(return_X_y=True)
x, x_val, y, y_val = train_test_split(x / 16, y, random_state=0)
model = MLPClassifier((chosen.width,), solver=chosen.optimizer, learning_rate_init=chosen.lr, random_state=0)
order = np.random.default_rng(7)
for epoch in range(80):
    if chosen.noise and epoch == chosen.noise:
        noise = np.random.default_rng(time.time_ns())
    for rows in np.array_split(order.permutation(len(x)), 12):
        seen = x[rows]
        if chosen.noise and epoch >= chosen.noise:
            seen = seen + noise.normal(0, 0.4, seen.shape)
        model.partial_fit(seen, y[rows], classes=range(10))
    scores = {
        "val/accuracy": model.score(x_val, y_val),
        "val/loss": log_loss(y_val, model.predict_proba(x_val)),
        "train/loss": log_loss(y, model.predict_proba(x)),
        "train/weights": float(np.abs(model.coefs_[0]).mean()),
    }
    anew.log(scores, step=epoch)
np.savetxt("predictions.csv", model.predict(x_val), fmt="%d")
'''
RUNS = [
    ["--lr", rate, "--optimizer", optimizer, "--width", width]
    for width in ("16", "32")
    for optimizer in ("sgd", "adam")
    for rate in ("0.001", "0.003", "0.01", "0.03", "0.1")
] + [["--lr", "0.003", "--noise", "40"]]
COLUMNS = [("col", name) for name in ("metrics.val/accuracy", "metrics.val/loss", "params.lr", "params.optimizer")]


def filled(folder: Path) -> tuple[dict[str, str], str]:
    """Makes the runs, every third of them run anew; gives the store's environment, and where a verdict stands."""
    environ = {**os.environ, "ANEW_STORE": str(folder / ".anew")}

    def anew(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "anew", *words], cwd=folder, env=environ, capture_output=True, text=True
        )
        return json.loads(done.stdout) if "--json" in words else None

    (folder / "train.py").write_text(TRAIN.lstrip())
    for number, words in enumerate(RUNS):
        anew("run", "--quiet", "train.py", *words)
        if number % 3 == 2:
            anew("reproduce", "last", "--json")
    last = next(run for run in anew("runs", "params.noise > 0", "--json")["runs"] if run["verdict"] == "diverged")
    return environ, f"{last['id']}/{anew('show', last['id'], '--json')['verdicts'][0]['seq']}"


@contextlib.contextmanager
def serving(environ: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "anew", "server", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["address"]
        finally:
            server.terminate()


def shoot(address: str, path: str, theme: Any, name: str, until: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = os.environ.get("ANEW_BROWSER") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
        page.goto(address + path)
        page.get_by_text(until).first.wait_for()
        page.locator(".plot canvas").first.wait_for()
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / name)
        browser.close()
    _smaller(IMAGES / name)


def _smaller(path: Path) -> None:
    """As many colours as the page needs, not more: a third of the bytes."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(200, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "digits"
        project.mkdir()
        environ, verdict = filled(project)
        with serving(environ) as address:
            view = [("sort", "-metrics.val/accuracy"), ("smooth", "0.5"), ("fold", "system"), *COLUMNS]
            shoot(address, f"/runs?{urlencode(view)}", "light", "runs.png", "val/accuracy")
            shoot(address, f"/reproductions/{verdict}", "dark", "evidence.png", "What came out")
