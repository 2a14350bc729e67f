"""python run.py model.depth=4 optim.lr=0.3"""
import json
import os
import sys
import tomllib

from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier


def override(cfg, assignments):
    for item in assignments:
        key, value = item.split("=", 1)
        node = cfg
        *parents, last = key.split(".")
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = json.loads(value)
    return cfg


cfg = override(tomllib.load(open("config.toml", "rb")), sys.argv[1:])
print(json.dumps(cfg, indent=2))
X, y = load_wine(return_X_y=True)
tree = DecisionTreeClassifier(max_depth=cfg["model"]["depth"], random_state=cfg["seed"])
scores = cross_val_score(tree, X, y, cv=cfg["cv"]["folds"])
print(f"mean accuracy: {scores.mean():.6f}")
outdir = os.path.join("outputs", f"depth={cfg['model']['depth']}")
os.makedirs(outdir, exist_ok=True)
json.dump({"cfg": cfg, "scores": scores.tolist()}, open(os.path.join(outdir, "result.json"), "w"))
