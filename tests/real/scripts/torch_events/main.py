from tensorboardX import SummaryWriter
import torch

writer = SummaryWriter()
torch.manual_seed(123)
w = torch.zeros(5, requires_grad=True)
x, true_w = torch.randn(200, 5), torch.arange(5.0)
y = x @ true_w + 0.1 * torch.randn(200)
for epoch in range(20):
    loss = ((x @ w - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad.zero_()
    writer.add_scalar("loss/train", loss.item(), epoch)
    writer.add_histogram("weights", w.detach().numpy(), epoch)
writer.close()
print("weights:", w.detach())
