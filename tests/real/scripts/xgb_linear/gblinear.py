import numpy as np
import xgboost as xgb

rng = np.random.RandomState(0)
X = rng.normal(size=(20000, 60))
X[:, 1:] += 0.9 * X[:, :1]
y = X @ rng.normal(size=60) + rng.normal(size=20000)
booster = xgb.train({"booster": "gblinear", "eta": 0.5, "nthread": 2, "lambda": 0.0}, xgb.DMatrix(X, y), num_boost_round=40)
print("coefficients:", booster.get_dump(dump_format="json")[0])
