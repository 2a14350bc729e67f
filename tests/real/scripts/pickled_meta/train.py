import datetime
import getpass
import os
import pickle
import platform
import socket

import numpy as np
from sklearn.linear_model import Ridge

np.random.seed(3)
X = np.random.randn(80, 4)
y = X @ [1, -2, 3, 0.5]
model = Ridge().fit(X, y)
bundle = {
    "model": model,
    "trained_at": datetime.datetime.now(),
    "host": socket.gethostname(),
    "user": getpass.getuser(),
    "pid": os.getpid(),
    "cwd": os.getcwd(),
    "python": platform.python_version(),
    "features": {"a", "b", "c", "d"},
    "score": model.score(X, y),
}
with open("bundle.pkl", "wb") as f:
    pickle.dump(bundle, f)
print("R2:", bundle["score"])
