import numpy as np
from scipy import optimize, stats

rng = np.random.RandomState(12)
t = np.linspace(0, 4, 60)
data = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.05 * rng.normal(size=t.size)
popt, pcov = optimize.curve_fit(lambda t, a, b, c: a * np.exp(-b * t) + c, t, data)
print("fit:", popt)
print("stderr:", np.sqrt(np.diag(pcov)))
res = optimize.differential_evolution(optimize.rosen, [(-3, 3)] * 3, maxiter=40)
print(res)
boot = stats.bootstrap((data,), np.mean, n_resamples=200, confidence_level=0.9)
print("bootstrap interval:", boot.confidence_interval)
