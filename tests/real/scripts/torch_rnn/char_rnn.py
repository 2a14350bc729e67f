"""A character-level GRU, logging as a long job would."""
import logging
import os
import sys
import time

import numpy as np
import torch
from torch import nn

logging.basicConfig(
    level=logging.INFO,
    format="%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s",
    handlers=[logging.FileHandler("train.log"), logging.StreamHandler()],
)
log = logging.getLogger("char_rnn")
torch.manual_seed(0)
np.random.seed(0)
text = open("corpus.txt").read()
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
log.info("python %s, torch %s, %d cores", sys.version.split()[0], torch.__version__, os.cpu_count())
log.info("corpus: %d characters, %d distinct", len(data), len(chars))


class Model(nn.Module):
    def __init__(self, n, hidden=24):
        super().__init__()
        self.emb = nn.Embedding(n, 12)
        self.gru = nn.GRU(12, hidden, batch_first=True)
        self.out = nn.Linear(hidden, n)

    def forward(self, x, h=None):
        y, h = self.gru(self.emb(x), h)
        return self.out(y), h


model = Model(len(chars))
opt = torch.optim.AdamW(model.parameters(), lr=1e-2)
t0 = time.perf_counter()
for step in range(1, 41):
    starts = np.random.randint(0, len(data) - 33, size=16)
    batch = torch.stack([data[s:s + 33] for s in starts])
    logits, _ = model(batch[:, :-1])
    loss = nn.functional.cross_entropy(logits.reshape(-1, len(chars)), batch[:, 1:].reshape(-1))
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 10 == 0:
        log.info("step %d | loss %.5f | %.2f ms/step", step, loss.item(), 1e3 * (time.perf_counter() - t0) / step)

out, h = [stoi["t"]], None
for _ in range(40):
    logits, h = model(torch.tensor([[out[-1]]]), h)
    out.append(torch.multinomial(logits[0, -1].softmax(0), 1).item())
log.info("sample: %r", "".join(chars[i] for i in out))
torch.save(model, "model.pt")
