"""What a script draws from the system is drawn again under the same key, and differs under another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anew.capture import bootstrap

KEYS = ("11" * 32, "22" * 32)
DRAW = """
import json, os, random, sys, uuid
def draw():
    import numpy as np
    rng = random.Random()
    system = random.SystemRandom()
    np.random.seed(None)
    return {
        "random": random.random(), "Random": rng.random(), "System": system.random(), "urandom": os.urandom(8).hex(),
        "uuid4": str(uuid.uuid4()), "default_rng": np.random.default_rng().random(),
        "RandomState": np.random.RandomState().rand(), "np": np.random.rand(),
        "seq": str(np.random.SeedSequence().entropy),
    }
"""
TORCH = """
import torch
from torch.utils.data import DataLoader, Dataset
class Noise(Dataset):
    def __len__(self): return 8
    def __getitem__(self, i):
        return i, draw(), torch.rand(1).item()
if __name__ == "__main__":
    loader = DataLoader(Noise(), batch_size=None, num_workers=2, collate_fn=list, shuffle=True)
    print(json.dumps([torch.rand(2).tolist(), torch.randperm(5).tolist(), torch.seed(), sorted(loader, key=str)]))
"""


def traced(folder: Path, script: str, key: str, spool: str = "") -> Any:
    """Run the script as `anew run` would, under `key`; returns the JSON it prints."""
    place = folder / f"spool-{key[:2]}{spool}-{len(list(folder.iterdir()))}"
    (place / "pre").mkdir(parents=True)
    path = folder / "script.py"
    path.write_text(DRAW + script)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ANEW_")}
    (place / "variables").write_text(f"ANEW_ROOT={folder}\0ANEW_ENTROPY={key}\0")
    environ |= {"PYTHONPATH": str(bootstrap.FOLDER), "PYTHONHASHSEED": "0", "ANEW_CAPTURE": str(place)}
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, env=environ, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "not captured" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


PLAIN = "print(json.dumps([draw(), draw()]))"
FORK = """
import multiprocessing as mp
if __name__ == "__main__":
    out = []
    for _ in range(2):
        r, w = os.pipe()
        if os.fork() == 0:
            os.write(w, json.dumps(draw()).encode()); os._exit(0)
        os.wait(); out.append(json.loads(os.read(r, 10000)))
    print(json.dumps([draw(), *out]))
"""
SPAWN = """
import multiprocessing as mp
def work(queue): queue.put(draw())
if __name__ == "__main__":
    context = mp.get_context("spawn")
    out = []
    for _ in range(2):
        queue = context.SimpleQueue(); process = context.Process(target=work, args=(queue,))
        process.start(); out.append(queue.get()); process.join()
    print(json.dumps([draw(), *out]))
"""
CHILD = """
import subprocess
if len(sys.argv) > 1:
    print(json.dumps(draw()))
else:
    out = [json.loads(subprocess.check_output([sys.executable, __file__, "x"])) for _ in range(2)]
    print(json.dumps([draw(), *out]))
"""
POOL = """
import multiprocessing as mp
def work(i): return draw()
if __name__ == "__main__":
    with mp.get_context("KIND").Pool(1) as pool: print(json.dumps([draw(), *pool.map(work, range(3))]))
"""


@pytest.mark.parametrize(
    "script",
    [PLAIN, FORK, SPAWN, CHILD, POOL.replace("KIND", "fork"), POOL.replace("KIND", "spawn")],
    ids=["plain", "fork", "spawn", "subprocess", "fork pool", "spawn pool"],
)
def test_the_same_key_draws_the_same(script: str, tmp_path: Path) -> None:
    first, again, other = (traced(tmp_path, script, key) for key in (KEYS[0], KEYS[0], KEYS[1]))
    assert first == again
    for mine, theirs in zip(first, other, strict=True):
        assert all(mine[name] != theirs[name] for name in mine)
    for name in first[0]:
        assert len({worker[name] for worker in first}) == len(first), f"{name} is the same in several workers"


@pytest.mark.real
def test_loky_workers(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    # Which worker takes which task is a race, so each task waits for the other: one task a worker.
    script = """
import time, tempfile
from pathlib import Path
from joblib import Parallel, delayed
def meet(folder, i):
    Path(folder, str(i)).touch()
    while len(list(Path(folder).iterdir())) < 2: time.sleep(0.01)
    return draw()
if __name__ == "__main__":
    folder = tempfile.mkdtemp()
    print(json.dumps(Parallel(n_jobs=2, batch_size=1)(delayed(meet)(folder, i) for i in range(2))))
"""
    first, again, other = ({d["urandom"] for d in traced(tmp_path, script, key)} for key in (*KEYS[:1] * 2, KEYS[1]))
    assert first == again
    assert not first & other
    assert len(first) == 2


@pytest.mark.real
@pytest.mark.slow
def test_dataloader_workers_and_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    first, again, other = (traced(tmp_path, TORCH, key) for key in (KEYS[0], KEYS[0], KEYS[1]))
    assert first == again
    assert first[0] != other[0]
    assert first[2] != other[2]
    items = first[3]
    assert len({item[2] for item in items}) == 8
    assert len({item[1]["urandom"] for item in items}) == 8


def test_secrets_are_never_replayed(tmp_path: Path) -> None:
    script = """
import secrets, ssl
print(json.dumps([secrets.token_hex(), secrets.token_urlsafe(), secrets.token_bytes(9).hex(), secrets.randbelow(2**99),
    "".join(secrets.choice("abcdefgh") for _ in range(40))]))
"""
    first, again = (traced(tmp_path, script, KEYS[0]) for _ in range(2))
    assert all(a != b for a, b in zip(first, again, strict=True))


def test_explicit_seeds_mean_what_they_always_meant(tmp_path: Path) -> None:
    script = """
import numpy as np, pickle
random.seed(7); np.random.seed(7)
seeded = [random.random(), random.Random(3).random(), np.random.rand(), np.random.default_rng(5).random(),
    np.random.RandomState(2).rand(), random.Random("text").random()]
for function in (random.seed, np.random.seed, np.random.default_rng):
    assert callable(pickle.loads(pickle.dumps(function)))
class Mine(random.Random):
    def random(self): return 0.5
assert Mine().random() == 0.5 and Mine(4).getrandbits(8) == random.Random(4).getrandbits(8)
print(json.dumps(seeded))
"""
    plain = subprocess.run([sys.executable, "-c", DRAW + script], capture_output=True, text=True, check=True)
    assert traced(tmp_path, script, KEYS[0]) == traced(tmp_path, script, KEYS[1]) == json.loads(plain.stdout)


def test_a_reseeded_generator_is_noted(tmp_path: Path) -> None:
    traced(tmp_path, "random.random(); random.seed(5); print('1')", KEYS[0])
    (report,) = tmp_path.glob("spool*/exit-*.json")
    found = json.loads(report.read_text())
    assert found["generators"]["random"]["seeded"]
    assert found["generators"]["random"]["drawn_unseeded"]
    assert found["seeded"] == [{"generator": "random", "seed": "5"}]
    assert found["replayable"]


def test_seeds_of_generators_of_its_own_are_noted_and_those_of_libraries_not(tmp_path: Path) -> None:
    script = """
import random, tempfile, uuid, shutil
class Mine(random.Random): pass
random.Random(5); Mine(6); random.Random(); random.Random(7).seed(8); tempfile.mkdtemp(); uuid.uuid4()
print('1')
"""
    traced(tmp_path, script, KEYS[0])
    (report,) = tmp_path.glob("spool*/exit-*.json")
    found = json.loads(report.read_text())
    assert [call["seed"] for call in found["seeded"]] == ["5", "6", "7", "8"]
    assert {call["generator"] for call in found["seeded"]} == {"random.Random"}
