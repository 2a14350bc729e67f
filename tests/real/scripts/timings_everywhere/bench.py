import csv
import time
import timeit
from contextlib import contextmanager

import numpy as np


@contextmanager
def timer(name):
    t = time.perf_counter()
    yield
    print(f"[{name}] done in {time.perf_counter() - t:.3f} s")


np.random.seed(0)
with timer("load data"):
    X = np.random.rand(300, 40)
rows = []
start = time.time()
for epoch in range(1, 6):
    t0 = time.time()
    u, s, v = np.linalg.svd(X)
    X = X / s[0]
    dt = time.time() - t0
    rows.append({"epoch": epoch, "sigma": s[1], "time": dt, "elapsed": time.time() - start})
    print(f"Epoch {epoch}/5 - {dt*1000:.0f}ms/step - sigma: {s[1]:.6f} - ETA: {(5-epoch)*dt:.0f}s")
    print("--- %s seconds ---" % (time.time() - start))
with open("history.csv", "w", newline="") as f:
    w = csv.DictWriter(f, rows[0].keys())
    w.writeheader()
    w.writerows(rows)
best = min(timeit.repeat("sum(range(100))", number=1000, repeat=3))
print("best of 3:", best, "sec per loop")
print("Total time elapsed:", time.strftime("%H:%M:%S", time.gmtime(time.time() - start)))
print("Started at", time.ctime(start), "took", round(time.time() - start, 4), "seconds")
