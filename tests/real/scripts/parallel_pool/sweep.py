"""Spread work over processes: multiprocessing for the simulation, joblib for the scores."""
import os
import random
import time
from multiprocessing import Pool

from joblib import Parallel, delayed


def simulate(seed):
    random.seed(seed)
    time.sleep(random.random() / 50)
    return seed, sum(random.gauss(0, 1) for _ in range(2000))


def score(x):
    return (x * 1e6) % 97


if __name__ == "__main__":
    start = time.time()
    with Pool(2) as pool:
        results = sorted(pool.imap_unordered(simulate, range(12)))
    for seed, value in results:
        print(seed, value)
    print("best:", max(results, key=lambda r: r[1]))
    print("scores:", Parallel(n_jobs=2)(delayed(score)(v) for _, v in results))
    print("pid", os.getpid(), "finished after", round(time.time() - start, 6), "seconds")
