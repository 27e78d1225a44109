"""Plain PyTorch, eager: one side of training.py, which runs it.

    python -m baselines.pytorch SPEC STEPS nchw|nhwc

nchw is PyTorch's own layout, nhwc its channels_last.
"""

from __future__ import annotations

import sys

import torch

from baselines.rounds import (
    BATCH,
    LEARNING_RATE,
    MOMENTUM,
    THREADS,
    WEIGHT_DECAY,
    Rounds,
    images_and_labels,
    network,
)
from baselines.torch_twin import Twin


def optimizer_of(model: torch.nn.Module) -> torch.optim.Optimizer:
    """Nesterov's SGD with decay on kernels alone."""
    kernels = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [{"params": kernels, "weight_decay": WEIGHT_DECAY * (1 - MOMENTUM)}, {"params": others}]
    return torch.optim.SGD(groups, LEARNING_RATE, MOMENTUM, nesterov=True)


def main() -> None:
    spec, steps, layout = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(THREADS)
    images, labels = (torch.from_numpy(array) for array in images_and_labels(steps))
    images = images.permute(0, 3, 1, 2)
    model = Twin(network(spec)).train()
    if layout == "nhwc":
        model = model.to(memory_format=torch.channels_last)
    else:
        images = images.contiguous()
    optimizer, loss_of = optimizer_of(model), torch.nn.CrossEntropyLoss()
    rounds = Rounds()
    while True:
        rounds.begin()
        total, hits = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for chosen in torch.randperm(len(images)).split(BATCH):
            answers = model(images[chosen].float())
            loss = loss_of(answers, labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
            hits += (answers.argmax(1) == labels[chosen]).sum()
        assert total.item() >= 0
        assert hits.item() >= 0
        rounds.end()


if __name__ == "__main__":
    main()
