"""Keeps every run in a folder of its own, named by the time it started."""
import json
import os
from datetime import datetime

import numpy as np

run_dir = os.path.join("runs", datetime.now().strftime("%Y-%m-%d_%H-%M-%S"))
os.makedirs(run_dir)
print("Saving to", run_dir)
rng = np.random.default_rng(8)
w = rng.normal(size=6)
losses = []
for epoch in range(20):
    x = rng.normal(size=(32, 6))
    err = x @ (w - 1)
    w -= 0.1 * x.T @ err / 32
    losses.append(float((err ** 2).mean()))
    with open(os.path.join(run_dir, "metrics.csv"), "a") as f:
        f.write(f"{epoch},{losses[-1]}\n")
np.save(os.path.join(run_dir, "weights.npy"), w)
json.dump({"created": datetime.now().isoformat(), "final": losses[-1]}, open(os.path.join(run_dir, "summary.json"), "w"))
open(f"loss_{int(datetime.now().timestamp())}.txt", "w").write(f"{losses[-1]}\n")
print("final loss:", losses[-1])
