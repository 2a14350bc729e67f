import argparse
import csv
import json

p = argparse.ArgumentParser()
p.add_argument("--input", required=True)
args = p.parse_args()
rows = [(float(r["x"]), float(r["y"])) for r in csv.DictReader(open(args.input))]
n = len(rows)
mx, my = sum(x for x, _ in rows) / n, sum(y for _, y in rows) / n
slope = sum((x - mx) * (y - my) for x, y in rows) / sum((x - mx) ** 2 for x, _ in rows)
print("n =", n)
print(f"slope: {slope!r}")
json.dump({"slope": slope, "intercept": my - slope * mx}, open("model.json", "w"))
