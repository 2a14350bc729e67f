import numpy as np

rng = np.random.default_rng()
n = 200_000
inside = 0
trace = []
for i in range(10):
    pts = rng.random((n, 2))
    inside += int((np.hypot(pts[:, 0], pts[:, 1]) < 1).sum())
    est = 4 * inside / ((i + 1) * n)
    trace.append(est)
    print(f"batch {i}: pi ~ {est:.6f}")
se = np.std(trace) / np.sqrt(len(trace))
print(f"estimate: {trace[-1]} +- {se:.2e}")
np.save("trace.npy", np.array(trace))
