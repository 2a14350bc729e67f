"""
Pipelining: PCA in front of an SVM, tuned by a grid search.
"""
import json
import pickle

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X[:700], y[:700], random_state=0)
pipe = Pipeline([("scale", StandardScaler()), ("pca", PCA(random_state=0)), ("svm", SVC())])
grid = {"pca__n_components": [10, 20], "svm__C": [1, 10]}
search = GridSearchCV(pipe, grid, cv=3, n_jobs=2, verbose=3, return_train_score=True)
search.fit(X_train, y_train)

print(search)
print("Best parameter (CV score=%0.3f):" % search.best_score_)
print(search.best_params_)
results = pd.DataFrame(search.cv_results_)
print(results)
print(search.cv_results_)
results.to_csv("cv_results.csv", index=False)
with open("best.json", "w") as f:
    json.dump({"params": search.best_params_, "score": search.best_score_, "refit_time": search.refit_time_}, f)
pickle.dump(search, open("search.pkl", "wb"))
print("test score:", search.score(X_test, y_test))
