"""A real server on a store of real runs, and a page of Chromium on it that may not fail or go elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from projects import Project
from server.asking import Asked
from server.conftest import running

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src/anew/server/static"
AXE = ROOT / "ui/node_modules/axe-core/axe.min.js"
SIZES = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 844}}

TRAIN = """
    import argparse
    import warnings
    import anew
    from sklearn.datasets import load_digits
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split

    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float, default=0.001)
    parser.add_argument("--penalty", default="l2")
    chosen = parser.parse_args()
    run = anew.init(config=vars(chosen), tags={"team": "digits"})
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16, y, random_state=0)
    model = SGDClassifier(loss="log_loss", alpha=chosen.alpha, penalty=chosen.penalty, random_state=0)
    for epoch in range(40):
        model.partial_fit(x_train, y_train, classes=list(range(10)))
        anew.log({
            "train/loss": log_loss(y_train, model.predict_proba(x_train)),
            "val/loss": log_loss(y_test, model.predict_proba(x_test)),
            "val/accuracy": model.score(x_test, y_test),
        }, step=epoch)
        print(f"epoch {epoch}")
    print("\\033[32mdone\\033[0m")
    print("<script>document.title = 'broken into'</script>")
    open("report.txt", "w").write(repr(model.coef_.sum()))
"""

CHAIN = {
    "clean": "open('clean.csv', 'w').write(open('raw.csv').read().strip() + '\\n')",
    "fit": """
        import anew
        values = [float(line) for line in open("clean.csv")]
        for step, value in enumerate(values):
            anew.log({"mean": sum(values[: step + 1]) / (step + 1)}, step=step)
        open("model.txt", "w").write(str(sum(values)))
    """,
    "predict": "open('predictions.txt', 'w').write(open('model.txt').read()[::-1])",
    "clock": """
        import anew, random, time
        random.seed(time.time_ns())
        for step in range(20):
            anew.log({"score": random.random() if step > 9 else step}, step=step)
    """,
}


@dataclass
class Served:
    """A server and the runs on it: of `served` the newest first, of `audited` in the order of the chain."""

    address: str
    project: Project
    runs: list[str]


def browser_path() -> str | None:
    """The Chromium to drive: the one that ANEW_BROWSER names, else the system's."""
    named = os.environ.get("ANEW_BROWSER")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _missing() -> str | None:
    if browser_path() is None:
        return "no Chromium: `make browser` installs one, or ANEW_BROWSER names one"
    if not (STATIC / "index.html").is_file():
        return "the page is not built: `make ui` builds it"
    if not AXE.is_file():
        return "ui/node_modules is not there: `make ui` fills it"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    mine = [item for item in items if str(item.path).startswith(here)]
    reason = _missing() if mine else None
    for item in mine:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.xdist_group("browser"))  # on one of several workers: the served runs are made once
        if reason and os.environ.get("ANEW_BROWSER_TESTS") != "required":
            item.add_marker(pytest.mark.skip(reason))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Four runs of scikit-learn, one of them run anew, one that fails."""
    root = tmp_path_factory.mktemp("served")
    project = Project(root / "digits", root / "home")
    project.write("train.py", TRAIN)
    project.write("broken.py", "import anew\nanew.log({'val/loss': 1.0}, step=0)\nraise SystemExit(3)\n")
    runs = [project.run("broken.py", code=3)]
    settings = [("0.0001", "l2"), ("0.001", "l2"), ("0.001", "l1"), ("0.01", "l2")]
    runs += [project.run("train.py", "--alpha", alpha, "--penalty", penalty) for alpha, penalty in settings]
    project.reproduce(runs[-1])
    with running(project.root / ".anew") as (address, _):
        yield Served(address, project, runs[::-1])


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A chain of runs, from raw data to predictions: one identical, one diverged; two versions of a model."""
    root = tmp_path_factory.mktemp("audited")
    project = Project(root / "chain", root / "home")
    for name, text in CHAIN.items():
        project.write(f"{name}.py", text)
    project.write("raw.csv", "\n".join(map(str, range(30))))
    first = [project.run(f"{name}.py") for name in ("clean", "fit", "predict")]
    project.reproduce(first[1])
    project.reproduce(project.run("clock.py"))
    project.write("raw.csv", "\n".join(map(str, range(1, 31))))
    second = [project.run(f"{name}.py") for name in ("clean", "fit")]
    with running(project.root / ".anew") as (address, process):
        asked = Asked(address, project.root / ".anew", process)
        source = "s3://bucket/line"
        told = [("registered-models/create", {"name": "line"})]
        versions = [{"name": "line", "source": source, "run_id": run} for run in (first[1], second[1])]
        told += [("model-versions/create", version) for version in versions]
        told += [("model-versions/transition-stage", {"name": "line", "version": "1", "stage": "Production"})]
        assert [asked("POST", f"/api/2.0/mlflow/{path}", body).status for path, body in told] == [200] * 4
        yield Served(address, project, [*first, *second])


@pytest.fixture(scope="package")  # no longer: Playwright has an event loop run in this thread, and others need theirs
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=browser_path(), args=options)
        yield browser
        browser.close()


Open = Callable[..., Any]


@pytest.fixture
def opened(browser: Any, served: Served) -> Iterator[Open]:
    """Opens a page of the app. At the end none of them may have met an error or asked another host."""
    problems: list[str] = []
    contexts = []

    def open_page(path: str, theme: str = "light", size: str = "wide", address: str = served.address) -> Any:
        context = browser.new_context(
            viewport=SIZES[size], color_scheme=theme, reduced_motion="reduce", base_url=address,
            permissions=["clipboard-read", "clipboard-write"],
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: problems.append(f"{path}: {error}"))
        page.on("console", lambda said: problems.append(f"{path}: {said.text}") if _is_problem(said) else None)
        page.on("request", lambda asked: problems.append(asked.url) if _is_foreign(asked.url) else None)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def _is_problem(said: Any) -> bool:
    # That a query is refused while it is typed, or that a token is asked for, is an answer.
    refused = any(code in said.text for code in ("400", "401", "404"))
    answered = said.text.startswith("Failed to load resource") and refused
    return said.type in ("error", "warning") and not answered


def _is_foreign(url: str) -> bool:
    return urlsplit(url).scheme not in ("blob", "data") and urlsplit(url).hostname != "127.0.0.1"


def axe(page: Any) -> list[str]:
    """What axe finds against WCAG 2.2 AA, a line for each rule and place."""
    # Through the debugger's door: the page's own policy would let no such script in.
    page.evaluate(AXE.read_text())
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("rules => axe.run({runOnly: rules})", rules)["violations"]
    nodes = [(one["id"], node) for one in found for node in one["nodes"]]
    return [f"{rule}: {node['html'][:200]} {node['failureSummary'][:300]}" for rule, node in nodes]
