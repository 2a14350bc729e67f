"""What `anew run` costs over plain Python, in CPU, on scripts of about ten seconds and more.

    python benchmarks/overhead.py [name …]

Rounds of plain and captured runs alternate, and the least of each counts. The first captured round, which hashes new
data and asks for the installed packages, is not counted.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROUNDS = 3
SCRIPTS = {
    "nothing": "pass",
    "forest": """
        from sklearn.datasets import make_classification
        from sklearn.ensemble import RandomForestClassifier
        X, y = make_classification(6000, 40, random_state=0)
        for seed in range(4):
            model = RandomForestClassifier(80, random_state=seed).fit(X, y)
            print("acc:", model.score(X, y))
    """,
    "torch": """
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        torch.manual_seed(0); torch.set_num_threads(1)
        X = torch.randn(20000, 64); y = (X.sum(1) > 0).long()
        net = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 2))
        optimiser = torch.optim.SGD(net.parameters(), 0.1)
        if __name__ == "__main__":
            for epoch in range(8):
                for a, b in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True, num_workers=2):
                    optimiser.zero_grad()
                    loss = torch.nn.functional.cross_entropy(net(a), b)
                    loss.backward(); optimiser.step()
                print(f"epoch {epoch} loss: {loss.item():.4f}")
    """,
    "numpy": """
        import numpy as np
        rng = np.random.default_rng(0); w = rng.normal(size=500)
        X = rng.normal(size=(4000, 500)); y = X @ w
        v = np.zeros(500)
        for step in range(3500):
            v -= 1e-5 * (X.T @ (X @ v - y))
            if step % 100 == 0: print(f"step {step} loss: {float(((X @ v - y) ** 2).mean()):.6f}")
    """,
    "files": """
        import hashlib
        from pathlib import Path
        total = 0
        for i in range(20_000):
            data = Path(f"data/{i % 100}/{i}.txt").read_bytes()
            for _ in range(450): total += hashlib.sha256(data).digest()[0]
        print("total:", total)
    """,
    "prints": """
        import math
        total = 0.0
        for i in range(100_000):
            for j in range(1000): total += math.sin(j)
            print(f"step {i} of 100000: loss={total / (i + 1):.6f} acc={i / 100000:.4f}")
    """,
}


def cpu_s(command: list[str], cwd: Path, environ: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=cwd, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ANEW_", "PYTHON"))}
    environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    names = sys.argv[1:] or list(SCRIPTS)
    print(f"{'script':10} {'plain':>8} {'anew run':>9} {'more':>8} {'share':>7}")
    for name in names:
        cwd = folder / name
        cwd.mkdir()
        (cwd / "train.py").write_text(textwrap.dedent(SCRIPTS[name]))
        if name == "files":
            for i in range(20_000):
                path = cwd / "data" / str(i % 100) / f"{i}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{i}\n" * 20)
        plain, captured = [sys.executable, "train.py"], [sys.executable, "-m", "anew", "run", "--quiet", "train.py"]
        cpu_s(captured, cwd, environ)
        pairs = [(cpu_s(plain, cwd, environ), cpu_s(captured, cwd, environ)) for _ in range(ROUNDS)]
        a, b = (min(column) for column in zip(*pairs, strict=True))
        print(f"{name:10} {a:8.2f} {b:9.2f} {b - a:8.2f} {(b - a) / a:7.1%}", flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
