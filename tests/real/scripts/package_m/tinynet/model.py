import numpy as np


class Perceptron:
    def __init__(self, n, lr):
        self.w = np.random.normal(scale=0.01, size=n + 1)
        self.lr = lr

    def predict(self, X):
        return np.where(X @ self.w[1:] + self.w[0] >= 0, 1, 0)

    def fit_epoch(self, X, y):
        errors = 0
        for xi, yi in zip(X, y):
            update = self.lr * (yi - self.predict(xi))
            self.w[1:] += update * xi
            self.w[0] += update
            errors += int(update != 0)
        return errors
