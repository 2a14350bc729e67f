import os
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

CKPT = "checkpoints/last.pth"


class Shapes(Dataset):
    """Squares and crosses, with random noise added on the fly."""

    def __len__(self):
        return 96

    def __getitem__(self, i):
        img = torch.zeros(1, 12, 12)
        label = i % 2
        if label:
            img[0, 3:9, 3:9] = 1
        else:
            img[0, 5:7, :] = 1
            img[0, :, 5:7] = 1
        img += 0.5 * torch.randn_like(img)
        if random.random() < 0.5:
            img = img.flip(-1)
        return img, label


def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )


if __name__ == "__main__":
    os.makedirs("checkpoints", exist_ok=True)
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    start_epoch = 0
    if os.path.exists(CKPT):
        state = torch.load(CKPT)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start_epoch = state["epoch"] + 1
        print(f"resumed from epoch {start_epoch}")
    loader = DataLoader(Shapes(), batch_size=16, shuffle=True, num_workers=2)
    for epoch in range(start_epoch, start_epoch + 2):
        total, right = 0.0, 0
        for x, y in tqdm(loader, desc=f"epoch {epoch}"):
            out = model(x)
            loss = nn.functional.cross_entropy(out, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            right += (out.argmax(1) == y).sum().item()
        print(f"epoch {epoch}: loss {total / len(loader):.5f}, accuracy {right / 96:.4f}")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, CKPT)
