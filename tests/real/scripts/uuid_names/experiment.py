import json
import pathlib
import secrets
import tempfile
import uuid

import numpy as np

run_id = uuid.uuid4().hex[:8]
out = pathlib.Path("results") / run_id
out.mkdir(parents=True)
token = secrets.token_hex(4)
rng = np.random.default_rng(1)
table = rng.integers(0, 100, size=(5, 3))
np.savetxt(out / f"table-{uuid.uuid4()}.csv", table, fmt="%d", delimiter=",")
with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=out, delete=False) as f:
    f.write("scratch\n")
(out / f"checkpoint_{token}.json").write_text(json.dumps({"sum": int(table.sum())}))
print("run id:", run_id)
print("sum =", table.sum())
