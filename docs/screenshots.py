"""Takes the pictures of the page in docs/images: a store of real runs, made for them, seen in Chromium.

python docs/screenshots.py              (needs scikit-learn, torch, Pillow, Playwright and a Chromium, as the tests do)
python docs/screenshots.py FOLDER       every page into FOLDER instead, in both themes, wide and narrow: to be looked at
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
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
NET = '''
"""A small network in torch, which logs what it sees."""
import json

import anew
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, roc_curve

x, y = (torch.tensor(one) for one in load_digits(return_X_y=True))
x = x.float() / 16
net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(12):
    loss = torch.nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    anew.log({"loss": float(loss), "epoch": epoch}, step=epoch)
    anew.log({"weights": anew.Histogram(net[0].weight.detach().numpy())}, step=epoch)
    picture = np.kron(net[0].weight.detach()[epoch].reshape(8, 8).numpy(), np.ones((12, 12)))
    picture = (picture - picture.min()) / np.ptp(picture)
    anew.log({"first layer": anew.Image(picture, caption=f"unit {epoch}")}, step=epoch)
    print(f"epoch {epoch}: \\033[32mloss {float(loss):.3f}\\033[0m")
said = net(x).softmax(1).detach().numpy()
names = [str(digit) for digit in range(10)]
anew.log({"confusion": anew.Table(names, confusion_matrix(y, said.argmax(1)).tolist())}, step=11)
false, true, _ = roc_curve(y == 3, said[:, 3])
anew.log({"roc_curve": anew.Table(["fpr", "tpr"], np.c_[false, true].tolist())}, step=11)
guesses = [[row, int(y[row]), int(said[row].argmax()), float(said[row].max())] for row in range(200)]
anew.log({"guesses": anew.Table(["row", "digit", "guess", "sure"], guesses)}, step=11)
bars = {"type": "bar", "x": names, "y": np.bincount(y).tolist(), "name": "digits"}
json.dump({"data": [bars], "layout": {"title": {"text": "How many of each"}}}, open("counts.json", "w"))
torch.save(net.state_dict(), "net.pt")
'''
PETALS = """import csv

import anew

rows = list(csv.DictReader(open("flowers/measured.csv")))
lengths = [float(row["petal length"]) for row in rows]
anew.log({"petal length": sum(lengths) / len(lengths), "flowers": len(rows)}, step=0)
"""
BROKEN = """import anew
for step in range(9):
    anew.log({"loss": 1 / (step + 1)}, step=step)
raise ValueError("no such column: wieght")
"""
TABS = ("overview", "charts", "media", "config", "code", "data", "environment", "system", "console")
COMPARED = ("differences", "charts", "parallel", "scatter", "importance", "media")
RUNS = [
    ["--lr", rate, "--optimizer", optimizer, "--width", width]
    for width in ("16", "32")
    for optimizer in ("sgd", "adam")
    for rate in ("0.001", "0.003", "0.01", "0.03", "0.1")
] + [["--lr", "0.003", "--noise", "40"]]
EVERY = {
    "home": "/", "runs": "/runs", "group": "/runs?group=params.optimizer", "nothing": "/runs?q=params.lr%20%3E%209",
    "wrong": "/runs?q=params.lr%20%3E", "none": "/runs/none", "model-none": "/models/none",
    **{tab: f"/runs/{{net}}?tab={tab}" for tab in TABS},
    "commit": "/runs/{net}?tab=code&diff=commit", "against": "/runs/{net}?tab=code&diff=run&with={broken}",
    "plotly": "/runs/{net}?tab=data&file=wrote:counts.json", "broken": "/runs/{broken}",
    **{f"compare-{tab}": f"/compare?tab={tab}" for tab in COMPARED},
    "board": "/reproductions", "evidence": "/reproductions/{verdict}", "models": "/models", "model": "/models/digits",
    "dataset": "/data?dataset=flowers", "dataset-first": "/data?dataset=flowers&before=1&after=2",
    "files": "/data?path=predictions.csv", "lineage": "/lineage?of=run:{net}", "of-what": "/lineage",
}  # fmt: skip
COLUMNS = [("col", name) for name in ("metrics.val/accuracy", "metrics.val/loss", "params.lr", "params.optimizer")]


def filled(folder: Path) -> tuple[dict[str, str], str]:
    """Makes the runs, every third of them run anew; gives the store's environment, and where a verdict stands."""
    # Several threads take longer than one over nets as small as these.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environ = {**os.environ, "ANEW_STORE": str(folder / ".anew"), **threads}

    def anew(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "anew", *words], cwd=folder, env=environ, capture_output=True, text=True
        )
        return json.loads(done.stdout) if "--json" in words else None

    (folder / "train.py").write_text(TRAIN.lstrip())
    version_data(folder, anew)
    for number, words in enumerate(RUNS):
        anew("run", "--quiet", "train.py", *words)
        if number % 3 == 2:
            anew("reproduce", "last", "--json")
    (folder / "net.py").write_text(NET.lstrip())
    (folder / "broken.py").write_text(BROKEN)
    for words in (
        ["git", "init", "-q"],
        ["git", "add", "-A"],
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "one"],
    ):
        subprocess.run(words, cwd=folder, check=True)
    (folder / "broken.py").write_text(BROKEN.replace("range(9)", "range(12)"))
    anew("run", "--quiet", "broken.py")
    anew("run", "--quiet", "net.py")
    last = next(run for run in anew("runs", "params.noise > 0", "--json")["runs"] if run["verdict"] == "diverged")
    return environ, f"{last['id']}/{anew('show', last['id'], '--json')['verdicts'][0]['seq']}"


def version_data(folder: Path, anew: Callable[..., Any]) -> None:
    """A dataset in three versions, two of which runs read."""
    (folder / "flowers").mkdir()
    table = folder / "flowers" / "measured.csv"
    (folder / "petals.py").write_text(PETALS)
    kinds = ("virginica", "setosa", "setosa")
    rows = [f"{at},{4.9 + at % 7 / 5:.1f},{1.4 + at % 5 / 4:.2f},{kinds[at % 3]}" for at in range(150)]
    head = "flower_id,sepal length,petal length,species"
    for said, kept in (("as measured", rows), ("without the last bed", rows[:120])):
        table.write_text("\n".join([head, *kept, ""]))
        anew("add", "flowers", "-m", said)
        anew("run", "--quiet", "petals.py")
    wider = [f"{row},{at % 4}" for at, row in enumerate(row.replace("1.40", "1.90") for row in rows)]
    table.write_text("\n".join([f"{head},bed", *wider, ""]))
    (folder / "flowers" / "beds.txt").write_text("four beds, sown in May\n")
    anew("add", "flowers", "-m", "petals measured again, and in which bed each stood")
    anew("alias", "flowers:v2", "paper")


@contextlib.contextmanager
def serving(environ: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "anew", "server", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["address"]
        finally:
            server.terminate()


def every(address: str, folder: Path, named: dict[str, str]) -> None:
    """Every page, in both themes and sizes."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = os.environ.get("ANEW_BROWSER") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for theme, width, height in (
            ("light", 1440, 900),
            ("dark", 1440, 900),
            ("light", 390, 844),
            ("dark", 390, 844),
        ):
            size: Any = {"width": width, "height": height}
            context: Any = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            page = context.new_page()
            for name, path in EVERY.items():
                page.goto(address + path.format(**named))
                page.wait_for_timeout(900)
                page.screenshot(path=folder / f"{name}-{theme}-{width}.png")
        browser.close()


def register(address: str, run: str) -> None:
    """A model in two versions, one of them in production."""
    import urllib.request

    version = {"name": "digits", "source": "s3://models/digits", "run_id": run}
    stage = {"name": "digits", "version": "1", "stage": "Production"}
    told = [("registered-models/create", {"name": "digits"}), *[("model-versions/create", version)] * 2]
    for path, body in [*told, ("model-versions/transition-stage", stage)]:
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(f"{address}/api/2.0/mlflow/{path}", json.dumps(body).encode(), headers)
        urllib.request.urlopen(asked).close()


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
            if sys.argv[1:]:
                Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
                command = [sys.executable, "-m", "anew", "runs", "--json"]
                runs = json.loads(subprocess.run(command, env=environ, capture_output=True, text=True).stdout)["runs"]
                named = {run["name"].split("-")[0]: run["id"] for run in runs}
                register(address, named["net"])
                every(address, Path(sys.argv[1]), {**named, "verdict": verdict})
                sys.exit()
            view = [("sort", "-metrics.val/accuracy"), ("smooth", "0.5"), ("fold", "system"), *COLUMNS]
            shoot(address, f"/runs?{urlencode(view)}", "light", "runs.png", "val/accuracy")
            shoot(address, f"/reproductions/{verdict}", "dark", "evidence.png", "What came out")
