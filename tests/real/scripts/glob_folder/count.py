import glob
import os
from collections import Counter

total = Counter()
for name in glob.glob("texts/*.txt"):
    with open(name) as f:
        total.update(f.read().split())
print(len(os.listdir("texts")), "files")
for word, n in sorted(total.items(), key=lambda kv: (-kv[1], kv[0]))[:5]:
    print(f"{word}\t{n}")
sizes = {os.path.basename(p): os.path.getsize(p) for p in sorted(glob.glob("texts/*"))}
print(sizes)
