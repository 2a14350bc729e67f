import datetime
import os
import random

random.seed(1)
score = random.betavariate(2, 5)
new = not os.path.exists("results.csv")
with open("results.csv", "a") as f:
    if new:
        f.write("when,score\n")
    f.write(f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S},{score}\n")
with open("job.log", "a") as log:
    print(datetime.datetime.now(), "INFO score", score, file=log)
print("runs so far:", sum(1 for _ in open("results.csv")) - 1)
