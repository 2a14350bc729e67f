import csv

import numpy as np


def load(path, shuffle):
    with open(path, newline="") as f:
        rows = [[float(v) for v in row] for row in list(csv.reader(f))[1:]]
    rows = np.array(rows)
    if shuffle:
        np.random.shuffle(rows)
    return rows[:, 1:], (rows[:, 0] > 0).astype(int)
