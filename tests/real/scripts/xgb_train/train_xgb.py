import json

import numpy as np
import pandas as pd
import xgboost as xgb

df = pd.read_csv("data/churn.csv")
y = df.pop("churn")
X = pd.get_dummies(df)
cut = int(0.75 * len(X))
dtrain = xgb.DMatrix(X[:cut], y[:cut])
dtest = xgb.DMatrix(X[cut:], y[cut:])
params = {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "max_depth": 3, "eta": 0.2, "subsample": 0.8, "seed": 3}
history = {}
bst = xgb.train(params, dtrain, 30, evals=[(dtrain, "train"), (dtest, "test")], evals_result=history, early_stopping_rounds=8, verbose_eval=10)
print("best iteration:", bst.best_iteration, "score:", bst.best_score)
print(bst.get_score(importance_type="gain"))
bst.save_model("model.json")
bst.save_model("model.ubj")
bst.dump_model("dump.txt")
json.dump(history, open("history.json", "w"), indent=1)
np.savetxt("predictions.csv", bst.predict(dtest), delimiter=",", header="p")
