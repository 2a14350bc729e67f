import warnings

import numpy as np

warnings.warn("this API will change", FutureWarning)
a = np.array([1.0, 0.0, -1.0])
print("logs:", np.log(a))
try:
    answer = input("How many rounds? ")
except EOFError:
    answer = "3"
print()
print("rounds:", int(answer), "object:", object())
print("function:", np.vectorize(len))
