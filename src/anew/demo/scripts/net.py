"""A small network on the same wines, in torch; shuffled batches, dropout, no seed."""

import csv

import torch
from torch import nn

with open("data/wine.csv", newline="") as file:
    rows = torch.tensor([[float(cell) for cell in row] for row in list(csv.reader(file))[1:]])
x, y = rows[:, :-1], rows[:, -1].long()
x = (x - x.mean(0)) / x.std(0)
order = torch.randperm(len(x))
train, test = order[:120], order[120:]
data = torch.utils.data.TensorDataset(x[train], y[train])
loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)

net = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(10):
    for batch, labels in loader:
        loss = nn.functional.cross_entropy(net(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    accuracy = (net(x[test]).argmax(1) == y[test]).float().mean().item()
    net.train()
    print(f"epoch {epoch} - loss: {loss.item():.4f} - accuracy: {accuracy:.4f}")
torch.save(net.state_dict(), "net.pt")
