import random
import sys

source, target = sys.argv[1:3]
lines = open(source).read().splitlines()
header, rows = lines[0], lines[1:]
random.shuffle(rows)
with open(target, "w") as f:
    f.write(header + "\n")
    for row in rows[: int(len(rows) * 0.8)]:
        f.write(row + "\n")
print("kept", int(len(rows) * 0.8), "of", len(rows), "rows")
