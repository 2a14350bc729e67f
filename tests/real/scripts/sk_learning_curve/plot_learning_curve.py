"""Learning curve of a logistic regression, as in the scikit-learn gallery."""
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit, learning_curve

X, y = load_iris(return_X_y=True)
cv = ShuffleSplit(n_splits=5, test_size=0.2, random_state=0)
sizes, train, test, fit_times, score_times = learning_curve(
    LogisticRegression(max_iter=20), X, y, cv=cv, train_sizes=np.linspace(0.3, 1.0, 4), return_times=True
)
print("train scores", train.mean(axis=1))
print("test scores", test.mean(axis=1))
print("mean fit time: %.6f s" % fit_times.mean())

plt.figure()
plt.plot(sizes, train.mean(axis=1), label="train")
plt.plot(sizes, test.mean(axis=1), label="test")
plt.legend()
plt.title("Learning curve")
plt.show()
