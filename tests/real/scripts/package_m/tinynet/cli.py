import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
import yaml

from . import Perceptron, __version__
from .data import load

logger = logging.getLogger(__name__)


def main():
    parser = argparse.ArgumentParser(prog="tinynet")
    parser.add_argument("--config", default="configs/base.yaml")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--debug", action="store_true")
    args = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if args.debug else logging.INFO, stream=sys.stdout)
    cfg = yaml.safe_load(open(args.config))
    logger.info("tinynet %s with %s", __version__, cfg)
    np.random.seed(cfg["seed"])
    X, y = load(cfg["data"]["path"], shuffle=cfg["data"]["shuffle"])
    model = Perceptron(X.shape[1], lr=cfg["model"]["lr"])
    for epoch in range(cfg["epochs"]):
        errors = model.fit_epoch(X, y)
        logger.info("epoch=%d errors=%d", epoch, errors)
    accuracy = (model.predict(X) == y).mean()
    print("accuracy:", accuracy)
    args.out.mkdir(exist_ok=True)
    (args.out / "metrics.json").write_text(json.dumps({"accuracy": float(accuracy), "w": model.w.tolist()}))
