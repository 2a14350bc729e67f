"""The scripts of tests/real: what each needs, how it is started, and what is true of it.

The truth was found without Anew: `python tests/real/cases.py NAME …` runs a script twice under plain Python, in two
clean folders, and shows in which bytes the two differ. What was seen there stands beside each case as `seen`.
"""

# ruff: noqa: E501 -- one case is one line of a table
from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True)
class Case:
    """One script. `verdict` and `factor` are the truth; `rules` must be among those named with the verdict."""

    name: str
    words: tuple[str, ...]
    seen: str  # what two runs under plain Python differ in
    verdict: str = "identical"
    factor: str | None = None
    rules: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    material: Callable[[Path], None] | None = None
    cwd: str = "."
    # (file, text, what it becomes): each spoils one result when the script is run again.
    spoiled: tuple[tuple[str, str, str], ...] = ()

    def put(self, root: Path) -> None:
        """Lay the script and its data out below `root`."""
        shutil.copytree(SCRIPTS / self.name, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        if self.material:
            self.material(root)


def _write(root: Path, name: str, lines: list[str]) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def _corpus(root: Path) -> None:
    words = [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "a",
        "lazy",
        "dog",
        "while",
        "anna",
        "sews",
        "new",
        "sails",
        "in",
        "bay",
    ]
    rng = random.Random(4)
    _write(root, "corpus.txt", [" ".join(rng.choices(words, k=12)) for _ in range(60)])


def _churn(root: Path) -> None:
    rng = random.Random(1)
    lines = ["age,plan,minutes,churn"]
    for _ in range(600):
        age, plan, minutes = rng.randint(18, 80), rng.choice("ABC"), round(rng.expovariate(1 / 200), 2)
        lines.append(f"{age},{plan},{minutes},{int(rng.random() < 0.2 + 0.4 * (plan == 'C') + minutes / 2000)}")
    _write(root, "data/churn.csv", lines)


def _regression(root: Path) -> None:
    rng = random.Random(2)
    for name, rows in (("train.csv", 500), ("valid.csv", 200)):
        lines = ["target," + ",".join(f"f{i}" for i in range(6))]
        for _ in range(rows):
            x = [rng.gauss(0, 1) for _ in range(6)]
            y = 2 * x[0] - x[1] * x[2] + rng.gauss(0, 0.3)
            lines.append(",".join(f"{v:.6f}" for v in (y, *x)))
        _write(root, name, lines)


def _sales(root: Path) -> None:
    rng = random.Random(3)
    lines = ["date,region,amount"]
    for day in range(360):
        when = f"2025-{day // 30 + 1:02d}-{min(day % 30 + 1, 28):02d}"
        lines.append(f"{when},{rng.choice(['north', 'south', 'west'])},{rng.uniform(5, 500):.2f}")
    _write(root, "sales.csv", lines)


def _points(root: Path) -> None:
    rng = random.Random(5)
    lines = ["label,a,b,c"]
    for _ in range(150):
        x = [rng.gauss(0, 1) for _ in range(3)]
        lines.append(",".join(f"{v:.5f}" for v in (x[0] - x[1] + 0.3 * rng.gauss(0, 1), *x)))
    _write(root, "data/points.csv", lines)


def _raw(root: Path) -> None:
    rng = random.Random(6)
    _write(
        root, "raw.csv", ["x,y", *(f"{x},{3 * x + rng.gauss(0, 1)}" for x in (rng.uniform(0, 9) for _ in range(100)))]
    )


def _titanic(root: Path) -> None:
    rng = random.Random(7)
    lines = ["PassengerId,Survived,Pclass,Sex,Age,Fare"]
    for i in range(1, 301):
        sex, pclass = rng.choice(["male", "female"]), rng.choice([1, 2, 3])
        age = "" if rng.random() < 0.2 else f"{rng.uniform(1, 70):.0f}"
        lines.append(
            f"{i},{int(rng.random() < 0.2 + 0.5 * (sex == 'female'))},{pclass},{sex},{age},{rng.uniform(5, 99):.2f}"
        )
    _write(root, "input/train.csv", lines)


def _shop(root: Path) -> None:
    rng = random.Random(8)
    con = sqlite3.connect(root / "shop.db")
    con.execute("create table orders (customer text, price real)")
    rows = [(rng.choice("abcdefgh"), round(rng.uniform(1, 90), 2)) for _ in range(200)]
    con.executemany("insert into orders values (?, ?)", rows)
    con.commit()
    con.close()


def _served(root: Path) -> None:
    _write(root, "points.json", [str([round(i**0.5, 6) for i in range(50)])])


def _state(root: Path) -> None:
    _write(root, "state.json", ['{"step": 4}'])
    _write(root, "table.csv", ["b,2", "a,1", "b,2", "c,3"])


def _logs(root: Path) -> None:
    _write(root, "results.csv", ["when,score", "2020-02-02 02:02:02,0.5"])
    _write(root, "job.log", ["2020-02-02 02:02:02.123456 INFO score 0.5"])


def _texts(root: Path) -> None:
    rng = random.Random(9)
    for i in range(12):
        _write(
            root,
            f"texts/{rng.getrandbits(20):05x}.txt",
            [" ".join(rng.choices(["ab", "cd", "ef", "gh", "ij"], k=i + 3))],
        )


def _numbers(root: Path) -> None:
    _write(root, "data/numbers.txt", ["1.5", "2.25", "-3"])
    _write(root, "settings/scale.txt", ["0.1"])


_DRAWS = "unseeded: every number drawn through Python's or NumPy's generators"
_SAME = "nothing"

CASES = [
    Case("sk_forest", ("train.py",), _DRAWS, needs=("sklearn", "pandas"),
         spoiled=(("train.py", '"proba.npy", clf.predict_proba(X_test)', '"proba.npy", np.nextafter(clf.predict_proba(X_test), 2)'),
                  ("train.py", "joblib.dump(clf,", "clf.estimators_[7].tree_.value[0, 0, 0] += 1e-9; joblib.dump(clf,"))),
    Case("sk_boosting", ("gbm.py",), "times", rules=("durations",), needs=("sklearn",),
         spoiled=(("gbm.py", "rmse={rmse:.6f}", "rmse={rmse + 1e-6:.6f}"),
                  ("gbm.py", "verbose=1", "verbose=0"))),
    Case("sk_grid", ("search.py",), "fit and score times: in cv_results_, the CSV, the JSON, the pickle, joblib's lines and their order",
         rules=("durations",), needs=("sklearn", "pandas"),
         spoiled=(("search.py", "results.to_csv(", "results.loc[0, 'split0_test_score'] += 1e-12; results.to_csv("),
                  ("search.py", "pickle.dump(search", "search.best_index_ += 1; pickle.dump(search"))),
    Case("sk_kmeans", ("cluster.py",), "creation dates and ids inside the PDF and the SVG", rules=("dates",),
         needs=("sklearn", "matplotlib"),
         spoiled=(("cluster.py", '"labels.txt", mb.labels_', '"labels.txt", np.r_[mb.labels_[0] ^ 1, mb.labels_[1:]]'),
                  ("cluster.py", "c=mb.labels_, s=8", "c=mb.labels_, s=9"))),
    Case("sk_learning_curve", ("plot_learning_curve.py",), "the mean fit time", rules=("durations",),
         needs=("sklearn", "matplotlib"),
         spoiled=(("plot_learning_curve.py", 'plt.plot(sizes, test.mean(axis=1), label', 'plt.plot(sizes, test.mean(axis=1) + .01, label'),)),
    Case("torch_mlp", ("main.py", "--epochs", "3"), "samples a second", rules=("durations",), needs=("torch",),
         spoiled=(("main.py", "torch.save(model", "model.fc1.bias.data[3] = torch.nextafter(model.fc1.bias.data[3], torch.tensor(9.)); torch.save(model"),)),
    Case("torch_cnn", ("train.py",), _DRAWS + "; the progress bar", rules=("durations",), needs=("torch", "tqdm"),
         spoiled=(("train.py", '"epoch": epoch}, CKPT', '"epoch": epoch + 1}, CKPT'),)),
    Case("torch_rnn", ("char_rnn.py",), "dates, pid and times in the log", rules=("dates", "durations", "pids"), needs=("torch",),
         material=_corpus, spoiled=(("char_rnn.py", '"".join(chars[i] for i in out)', '"".join(chars[i] for i in out[:-1])'),)),
    Case("torch_events", ("main.py",), "the name and the wall times of the event file; the dated folder",
         rules=("dates",), needs=("torch", "tensorboardX"),
         spoiled=(("main.py", "loss.item(), epoch", "loss.item() + 1e-4 * (epoch == 7), epoch"),)),
    Case("torch_hogwild", ("mnist_hogwild.py",), "the low digits of the result: two processes race",
         "diverged", "nondeterminism", needs=("torch",)),
    Case("xgb_train", ("train_xgb.py",), _SAME, needs=("xgboost", "pandas"), material=_churn,
         spoiled=(("train_xgb.py", "json.dump(history,", "history['test']['auc'][4] += 1e-9; json.dump(history,"),
                  ("train_xgb.py", 'bst.save_model("model.ubj")', 'bst[:3].save_model("model.ubj")'))),
    Case("xgb_linear", ("gblinear.py",), "the coefficients: the default updater races at two threads",
         "diverged", "nondeterminism", needs=("xgboost",)),
    Case("lgb_train", ("simple_example.py",), "nothing with a fixed hash seed; else the order of the two metrics",
         needs=("lightgbm",), material=_regression,
         spoiled=(("simple_example.py", "gbm.save_model(", "gbm.set_leaf_output(0, 0, gbm.get_leaf_output(0, 0) + 1e-9); gbm.save_model("),)),
    Case("pandas_report", ("analysis.py",), "the dates in index.html and summary.md", rules=("dates",),
         needs=("pandas", "pyarrow", "matplotlib", "jinja2"), material=_sales,
         spoiled=(("analysis.py", "{df.amount.sum():.2f}", "{df.amount.sum() + .01:.2f}"),
                  ("analysis.py", "by.to_parquet(", "by.loc[3, 'orders'] += 1; by.to_parquet("),
                  ("analysis.py", 'by.to_csv("report/by_month.csv", index=False)', "pass"))),
    Case("numpy_montecarlo", ("pi.py",), _DRAWS, needs=("numpy",),
         spoiled=(("pi.py", "np.array(trace))", "np.nextafter(np.array(trace), 9))"),)),
    Case("scipy_fit", ("fit.py",), "what differential_evolution and bootstrap draw unseeded", needs=("scipy",),
         spoiled=(("fit.py", 'print("fit:", popt)', 'print("fit:", popt + [1e-7, 0, 0])'),)),
    Case("parallel_pool", ("sweep.py",), "pid and seconds", rules=("durations", "pids"), needs=("joblib",),
         spoiled=(("sweep.py", "print(seed, value)", "print(seed, value if seed - 5 else value + 1e-12)"),)),
    Case("package_m", ("-m", "tinynet", "--out", "out"), _SAME, needs=("yaml", "numpy"), material=_points,
         spoiled=(("tinynet/model.py", "return errors", "return errors + 1"),)),
    Case("hydra_like", ("run.py", "model.depth=4", "cv.folds=3"), _SAME, needs=("sklearn",),
         spoiled=(("run.py", '"scores": scores.tolist()', '"scores": scores.tolist()[::-1]'),)),
    Case("shell_pipeline", ("run.sh",), "unseeded: which rows are kept, and so the slope", material=_raw,
         spoiled=(("train.py", '{"slope": slope,', '{"slope": slope + 1e-9,'),
                  ("run.sh", "tail -n 1", "tail -n 2"))),
    Case("notebook_export", ("titanic.py",), _SAME, needs=("sklearn", "pandas", "matplotlib"), material=_titanic,
         spoiled=(("titanic.py", "'Survived': logreg.predict(X)", "'Survived': logreg.predict(X) ^ (train['PassengerId'] == 9)"),)),
    Case("sqlite_data", ("features.py",), _SAME, material=_shop,
         spoiled=(("features.py", "con.commit()", "cur.execute('update features set n = n + 1 where rowid = 3'); con.commit()"),)),
    Case("stamped_folder", ("train.py",), "names with the time, the same time printed, a date in summary.json",
         rules=("dates",), needs=("numpy",),
         spoiled=(("train.py", "f\"{epoch},{losses[-1]}\\n\"", "f\"{epoch},{losses[-1] + 1e-9}\\n\""),
                  ("train.py", '"final": losses[-1]', '"final": losses[-2]'),
                  ("train.py", "np.save(os.path.join(run_dir", "0 and np.save(os.path.join(run_dir"))),
    Case("uuid_names", ("experiment.py",), "names with random parts; the run id", needs=("numpy",),
         spoiled=(("experiment.py", "out / f\"table-{uuid.uuid4()}.csv\", table", "out / f\"table-{uuid.uuid4()}.csv\", table + np.eye(5, 3)"),
                  ("experiment.py", 'f.write("scratch\\n")', 'f.write("Scratch\\n")'))),
    Case("timings_everywhere", ("bench.py",), "times, in all forms", rules=("durations",), needs=("numpy",),
         spoiled=(("bench.py", "sigma: {s[1]:.6f}", "sigma: {s[1] + 1e-6:.6f}"),
                  ("bench.py", '"sigma": s[1],', '"sigma": s[1] + 1e-12,'))),
    Case("pickled_meta", ("train.py",), "the date, the pid and the folder, in the pickle",
         rules=("dates", "paths", "pids"), needs=("sklearn",),
         spoiled=(("train.py", "pickle.dump(bundle", "model.coef_[2] = np.nextafter(model.coef_[2], 9); pickle.dump(bundle"),
                  ("train.py", '"c", "d"}', '"c", "e"}'))),
    Case("seed_from_time", ("main.py",), "everything: the seed is the clock", "diverged", "time"),
    Case("thread_race", ("sgd_threads.py",), "the weights: two threads race", "diverged", "nondeterminism", needs=("numpy",)),
    Case("clock_in_result", ("forecast.py",), "the forecast: it is a function of the time of day", "diverged", "time"),
    Case("set_order", ("vocab.py",), "nothing with a fixed hash seed; else the order", material=_corpus,
         spoiled=(("vocab.py", "% 1024)", "% 1023)"), ("vocab.py", "list(vocab)[:8]", "list(vocab)[:7]"))),
    Case("id_order", ("graph.py",), "the order, which falls by memory address", "diverged", "nondeterminism"),
    Case("native_entropy", ("noise.py",), "everything: it is drawn from /dev/urandom", "diverged", "nondeterminism"),
    Case("loopback_http", ("fetch.py",), "the port", material=_served,
         spoiled=(("fetch.py", "sum(points) / len(points)", "sum(points) / len(points) + 1e-9"),)),
    Case("overwrites_input", ("clean.py",), _SAME, material=_state,
         spoiled=(("clean.py", "sorted(set(lines))", "sorted(lines)"), ("clean.py", "** 2]", "** 3]"))),
    Case("appends_log", ("job.py",), "the dates of the lines appended", rules=("dates",), material=_logs,
         spoiled=(("job.py", "S},{score}", "S},{score + 1e-9}"), ("job.py", '"INFO score"', '"WARN score"'))),
    Case("glob_folder", ("count.py",), _SAME, material=_texts,
         spoiled=(("count.py", "os.path.getsize(p) for", "os.path.getsize(p) + p.endswith('a.txt') for"),
                  ("count.py", "[:5]", "[:4]"))),
    Case("subfolder_cwd", ("job.py",), "the folder's place", cwd="src", material=_numbers,
         spoiled=(("src/job.py", "str(scale * n) for n", "str(scale * n + 1e-9) for n"),)),
    Case("polars_lazy", ("query.py",), _SAME, needs=("polars",), material=_sales,
         spoiled=(("query.py", '.write_csv("by_region.csv")', '.with_columns(pl.col("n") + 1).write_csv("by_region.csv")'),)),
    Case("warns_and_input", ("ask.py",), "the addresses of an object and of a function; the script's path in the warnings",
         rules=("addresses",), needs=("numpy",),
         spoiled=(("ask.py", '"this API will change", FutureWarning', '"that API will change", FutureWarning'),)),
]  # fmt: skip


def main(names: list[str]) -> None:
    """Run each script twice with plain Python in clean folders, and say which bytes differ."""
    import os
    import subprocess
    import sys
    import tempfile
    import time

    for case in CASES:
        if names and case.name not in names:
            continue
        made, outputs = [], []
        with tempfile.TemporaryDirectory() as folder:
            for side in "ab":
                root = Path(folder, side, "project")
                case.put(root)
                words = list(case.words)
                words = ["bash", *words] if words[0].endswith(".sh") else [sys.executable, *words]
                environ = {
                    **os.environ,
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                    "PYTHONHASHSEED": "0",
                }
                started = time.time()
                done = subprocess.run(
                    words, cwd=root / case.cwd, capture_output=True, stdin=subprocess.DEVNULL, text=True, env=environ
                )
                took_s = time.time() - started
                made.append({str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()})
                outputs.append((done.stdout, done.stderr))
                time.sleep(1.1)
        print(f"\n== {case.name}: exit {done.returncode}, {took_s:.1f} s; said to differ in: {case.seen}")
        for stream in (0, 1):
            pairs = zip(outputs[0][stream].splitlines(), outputs[1][stream].splitlines(), strict=False)
            for x, y in [pair for pair in pairs if pair[0] != pair[1]][:6]:
                print(f"  {'out' if stream == 0 else 'err'} - {x[:150]}\n      + {y[:150]}")
        for name in sorted(made[0].keys() | made[1].keys()):
            if "__pycache__" not in name and made[0].get(name) != made[1].get(name):
                missing = name not in made[0] or name not in made[1]
                print(f"  file {name}: {'in one only' if missing else 'other bytes'}")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
