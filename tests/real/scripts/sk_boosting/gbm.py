import time
import warnings

import numpy as np
from sklearn.datasets import make_regression
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import cross_val_score, train_test_split

warnings.filterwarnings("default")
SEED = 42
X, y = make_regression(n_samples=600, n_features=12, noise=8.0, random_state=SEED)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, random_state=SEED)

for name, model in {
    "gbm": GradientBoostingRegressor(n_estimators=80, subsample=0.8, random_state=SEED, verbose=1),
    "hist": HistGradientBoostingRegressor(max_iter=80, early_stopping=True, random_state=SEED),
}.items():
    t0 = time.time()
    model.fit(X_tr, y_tr)
    fit_time = time.time() - t0
    rmse = np.sqrt(mean_squared_error(y_te, model.predict(X_te)))
    print(f"{name:>6}  rmse={rmse:.6f}  fit_time={fit_time:.3f}s")
    scores = cross_val_score(model.set_params(**({"verbose": 0})), X_tr, y_tr, cv=3)
    print(f"{name:>6}  cv R^2 = {scores.mean():.5f} +/- {scores.std():.5f}")
print("done in %.1f s" % time.process_time())
