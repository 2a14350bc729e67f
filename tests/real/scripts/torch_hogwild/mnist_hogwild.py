"""Hogwild: two processes train one model in shared memory, without a lock."""
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F


def train(rank, model):
    torch.manual_seed(100 + rank)
    torch.set_num_threads(1)
    opt = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(1500):
        x = torch.randn(16, 10)
        y = x.sum(1, keepdim=True).tanh()
        opt.zero_grad()
        F.mse_loss(model(x), y).backward()
        opt.step()


if __name__ == "__main__":
    torch.manual_seed(1)
    mp.set_start_method("fork")
    model = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    model.share_memory()
    processes = [mp.Process(target=train, args=(rank, model)) for rank in range(2)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    x = torch.randn(256, 10)
    print("test mse: %.17g" % F.mse_loss(model(x), x.sum(1, keepdim=True).tanh()).item())
