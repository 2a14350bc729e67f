from pathlib import Path

import lightgbm as lgb
import numpy as np

train = lgb.Dataset("train.csv", params={"header": True, "label_column": "name:target"})
valid = train.create_valid("valid.csv")
params = {"objective": "regression", "metric": {"l2", "l1"}, "num_leaves": 15, "learning_rate": 0.1, "bagging_fraction": 0.8, "bagging_freq": 2, "verbose": 0}
print("Starting training...")
gbm = lgb.train(params, train, num_boost_round=60, valid_sets=valid, callbacks=[lgb.early_stopping(stopping_rounds=5), lgb.log_evaluation(10)])
print("Saving model...")
gbm.save_model("model.txt")
print("Starting predicting...")
X = np.loadtxt("valid.csv", delimiter=",", skiprows=1)[:, 1:]
y_pred = gbm.predict(X, num_iteration=gbm.best_iteration)
print(f"mean prediction: {y_pred.mean():.6f}")
print(f"Feature importances: {list(gbm.feature_importance())}")
print("model size:", Path("model.txt").stat().st_size > 100)
