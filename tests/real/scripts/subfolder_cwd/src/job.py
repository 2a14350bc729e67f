import os
import sys

print(sys.argv[0], __file__, os.path.basename(os.getcwd()))
with open("../data/numbers.txt") as f:
    numbers = [float(x) for x in f]
here = os.path.dirname(os.path.abspath(__file__))
os.chdir(os.path.join(here, ".."))
scale = float(open("settings/scale.txt").read())
os.makedirs("out", exist_ok=True)
with open("out/scaled.txt", "w") as f:
    f.write("\n".join(str(scale * n) for n in numbers))
print("total:", scale * sum(numbers))
print("source lines:", len(open(__file__).readlines()) if os.path.isabs(__file__) else len(open(os.path.join(here, "job.py")).readlines()))
