"""A training loop in PyTorch: it logs its losses; autolog records the optimizer, `run.watch` the gradients."""

from __future__ import annotations

import torch

import runlore

EXPERIMENT = "examples/torch"


def main(epochs: int = 20) -> None:
    """Fit a sine with a small network."""
    torch.manual_seed(0)
    x = torch.linspace(-3, 3, 256)[:, None]
    y = torch.sin(x)
    model = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 50, gamma=0.5)

    with runlore.autolog("torch", silent=True), runlore.start(EXPERIMENT, params={"epochs": epochs}) as run:
        run.define_metric("val/loss", best="min")
        run.watch(model)
        for epoch in range(epochs):
            for part in torch.randperm(len(x)).split(32):
                loss = torch.nn.functional.mse_loss(model(x[part]), y[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            run.log_metrics({"train/loss": loss.item(), "val/loss": (model(x) - y).square().mean().item()}, step=epoch)

    view = runlore.get_run(run.uid)
    print(f"{view.params['torch/optimizer']}, {view.params['torch/parameters']} parameters: "
          f"loss {view.metrics['val/loss']:.4f}, lr {view.metrics['lr']:g}")  # fmt: skip


if __name__ == "__main__":
    main()
