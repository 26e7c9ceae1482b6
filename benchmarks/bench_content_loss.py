"""Training step with the Dice loss, with the content loss, and with the content loss done naively.

    python benchmarks/bench_content_loss.py [--batch 2] [--side 224] [--repeats 7] [--device cpu]

One network and one batch for all, which take turns, so a busy moment falls on all of them. Both
naive forms run the whole of VGG19 on truth and on prediction with everything set to learn, as a
torchvision model comes: one compares the same two pooling layers (so autograd leaves the deep
layers out of the backward pass), the other all five. Prints medians, what each adds to the step
with Dice, and the content loss's share of what the naive forms add; the goal is a quarter at most.
Weights are random: they change no time.
"""

import argparse
import time
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from segscope.losses.content import ContentLoss
from segscope.losses.overlap import dice_loss
from segscope.losses.vgg import MEAN, STD, VGG19Features
from segscope.networks.dense_unet import DenseUNet

GOAL = 0.25


class Naive(nn.Module):
    """All of VGG19 in torchvision's order, twice, with gradients for everything."""

    def __init__(self, pools: tuple[int, ...]) -> None:
        super().__init__()
        convolutions = iter(VGG19Features("random", (1, 2, 3, 4, 5)).features.values())
        self.pools = pools
        self.layers = nn.ModuleList()
        for count in (2, 2, 4, 4, 4):
            parts = [m for _ in range(count) for m in (next(convolutions), nn.ReLU(inplace=True))]
            self.layers.append(nn.Sequential(*parts, nn.MaxPool2d(2)))
        self.requires_grad_(True)

    def features(self, x: Tensor) -> list[Tensor]:
        found = []
        for block in self.layers:
            x = block(x)
            found.append(x)
        return [found[pool - 1] for pool in self.pools]

    def forward(self, logits: Tensor, target: Tensor, image: Tensor) -> Tensor:
        mean, std = (image.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
        x = (image.repeat(1, 3, 1, 1) - mean) / std
        truth = self.features(x * (0.1 + 0.8 * target))
        found = self.features(x * torch.sigmoid(logits))
        terms = [functional.mse_loss(f, t) for f, t in zip(found, truth, strict=True)]
        return torch.stack(terms).mean()


def step(net: nn.Module, optimizer: torch.optim.Optimizer, loss: str, batch: list[Tensor]) -> float:
    image, target = batch
    wait(image)
    started = time.perf_counter()
    logits = net(image)
    chosen = LOSSES[loss]
    value = dice_loss(logits, target) if chosen is None else chosen(logits, target, image)
    value.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    wait(image)
    seconds = time.perf_counter() - started
    if chosen is not None:
        chosen.zero_grad(set_to_none=True)
    return seconds


def wait(x: Tensor) -> None:
    if x.device.type == "cuda":
        torch.cuda.synchronize(x.device)


LOSSES: dict[str, nn.Module | None] = {
    "dice": None,
    "content": ContentLoss(weights="random"),
    "naive, same pools": Naive((1, 2)),
    "naive, five pools": Naive((1, 2, 3, 4, 5)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="training step time with the content loss")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    net = DenseUNet(2, 1, 1).to(arguments.device)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    shape = (arguments.batch, 1, arguments.side, arguments.side)
    image, target = torch.rand(shape), (torch.rand(shape) > 0.99).float()
    batch = [image.to(arguments.device), target.to(arguments.device)]
    for loss in LOSSES.values():
        if loss is not None:
            loss.to(arguments.device)
    times: dict[str, list[float]] = {name: [] for name in LOSSES}
    for turn in range(arguments.repeats + 1):
        for name, own in times.items():
            seconds = step(net, optimizer, name, batch)
            if turn:
                own.append(seconds)
    show({name: median(own) for name, own in times.items()})


def show(middle: dict[str, float]) -> None:
    dice = middle["dice"]
    for name, seconds in middle.items():
        print(
            f"{name:18s} {1000 * seconds:8.1f} ms per step ({seconds / dice:.2f} of dice), "
            f"adds {1000 * (seconds - dice):8.1f} ms"
        )
    for name in ("naive, same pools", "naive, five pools"):
        share = (middle["content"] - dice) / (middle[name] - dice)
        verdict = "met" if share <= GOAL else "missed"
        print(f"content adds {share:.3f} of what '{name}' adds (goal {GOAL}: {verdict})")


if __name__ == "__main__":
    main()
