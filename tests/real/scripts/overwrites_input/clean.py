import json
import os

path = "state.json"
state = json.load(open(path))
print("before:", state)
state["step"] += 1
state["history"] = state.get("history", []) + [state["step"] ** 2]
tmp = path + ".tmp"
with open(tmp, "w") as f:
    json.dump(state, f)
os.replace(tmp, path)
lines = open("table.csv").readlines()
with open("table.csv", "w") as f:
    f.writelines(sorted(set(lines)))
print("after:", state)
