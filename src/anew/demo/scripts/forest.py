"""Tells wines apart. Nothing in here knows of Anew, and nothing is seeded."""

import argparse
import csv

import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--trees", type=int, default=20)
parser.add_argument("--depth", type=int, default=None)
options = parser.parse_args()

with open("data/wine.csv", newline="") as file:
    rows = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]
features, labels = [row[:-1] for row in rows], [int(row[-1]) for row in rows]

train_x, test_x, train_y, test_y = train_test_split(features, labels, test_size=0.3)
model = RandomForestClassifier(options.trees, max_depth=options.depth).fit(train_x, train_y)
print(f"train accuracy: {model.score(train_x, train_y):.4f}")
print(f"accuracy: {model.score(test_x, test_y):.4f}")
joblib.dump(model, "forest.joblib")
