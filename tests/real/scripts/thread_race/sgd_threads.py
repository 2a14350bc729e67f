"""Two threads update the same weights without a lock."""
import threading

import numpy as np

rng = np.random.RandomState(0)
X = rng.normal(size=(4000, 8))
y = X @ np.arange(8) + rng.normal(size=4000)
w = np.zeros(8)


def worker(first):
    global w
    for epoch in range(20):
        for i in range(first, len(X), 2):
            g = (X[i] @ w - y[i]) * X[i]
            w = w - 0.001 * g


threads = [threading.Thread(target=worker, args=(k,)) for k in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("weights:", w)
print("mse:", float(((X @ w - y) ** 2).mean()))
