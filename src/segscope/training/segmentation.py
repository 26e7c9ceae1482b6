"""A segmentation network as a task of the training loop: patches, heads, optimiser, validation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from segscope.data import write_json
from segscope.inference import TrainedModel, save_model
from segscope.losses import wants_image
from segscope.networks import Segmenter
from segscope.training.batches import PatchBatches
from segscope.training.budget import Budget
from segscope.training.loop import Course, Progress, Task, fit
from segscope.training.measure import choose_part, part_dice
from segscope.training.patches import PatchDataset, PreparedCase
from segscope.training.recipe import Recipe, TrainRecipe
from segscope.training.run_folder import note_in_manifest
from segscope.training.setup import Objective, make_objective
from segscope.training.workers import choose_workers


class AllHeads(nn.Module):
    """Calls ``heads`` from ``forward``, the one method that DDP and compilers know."""

    def __init__(self, net: Segmenter) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.net.heads(x)


def train_prepared(
    recipe: Recipe,
    model: TrainedModel,
    training: Sequence[PreparedCase],
    validation: Sequence[PreparedCase],
    *,
    folder: Path,
    fabric: Fabric,
    budget: Budget,
    pass_s: float = 0.0,
    resume: bool = False,
) -> Progress:
    """Train a network on prepared cases.

    Args:
        recipe: Of the training.
        model: Whose network is trained, in place.
        training: Cases that patches are cut from.
        validation: Cases that weights are chosen by, or a part of them.
        folder: The run.
        fabric: Launched.
        budget: Its clock.
        pass_s: What a forward pass takes, where time is limited.
        resume: Continue from the state in ``folder``.

    Raises:
        InputError: The state cannot be gone on with.
        WorkError: Training failed in the middle.
    """
    net, plan, settings = model.segmenter, recipe.preprocessing, recipe.train
    samples = PatchDataset(
        training,
        recipe.patch,
        samples=settings.steps_per_epoch * settings.batch_size * fabric.world_size,
        seed=settings.seed,
        augment=recipe.augment,
        foreground_share=settings.foreground_share,
        slice_axis=plan.slice_axis if plan.spatial_dims < plan.image_dims else None,
    )
    objective = make_objective(recipe, net, fabric.device)
    part = choose_part(model, validation, recipe)
    workers = choose_workers(samples, net, settings, fabric)
    if fabric.is_global_zero:
        if settings.workers == "auto" and workers:
            budget.say(f"{workers} data workers prepare samples")
        budget.say(f"weights are chosen on {part.said}")
        precision = fabric.strategy.precision.precision
        note_in_manifest(folder, weights_chosen_on=part.said, precision=precision)
        if objective.facts:
            write_json(folder / "loss.json", objective.facts)
    # whatever else draws from torch's generator from here on is part of the saved state
    torch.manual_seed(settings.seed)
    with (
        objective.reading,
        PatchBatches(samples, settings, fabric, workers=workers) as batches,
    ):
        task = Task(
            net=net,
            model=_all_heads(net, settings, fabric),
            optimizer=make_optimizer(net, settings),
            batches=batches,
            loss=lambda heads, y, x: _loss(objective, heads, y, x),
            validate=lambda: part_dice(model, part),
            rank=lambda scores: (scores["dice"],),
            headline="dice",
            keep=lambda name: save_model(folder, model.run_spec, net, name=name),
            adversary=objective.adversary,
            remedy="lower train.learning_rate or use train.precision=32-true",
            smaller="train.batch_size, patch or network.widths",
            validation_s=pass_s * part.passes,
        )
        return fit(task, _course(settings), fabric, folder=folder, budget=budget, resume=resume)


def make_optimizer(net: nn.Module, settings: TrainRecipe) -> torch.optim.Optimizer:
    """AdamW, or SGD with Nesterov momentum 0.99 as nnU-Net uses; biases and norms do not decay."""
    decays = [p for p in net.parameters() if p.ndim > 1]
    stays = [p for p in net.parameters() if p.ndim <= 1]
    groups = [
        {"params": decays, "weight_decay": settings.weight_decay},
        {"params": stays, "weight_decay": 0.0},
    ]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, settings.learning_rate, momentum=0.99, nesterov=True)
    return torch.optim.AdamW(groups, settings.learning_rate)


def _course(settings: TrainRecipe) -> Course:
    return Course(
        epochs=settings.epochs,
        steps_per_epoch=settings.steps_per_epoch,
        max_minutes=settings.max_minutes,
        learning_rate=settings.learning_rate,
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
        gradient_clip=settings.gradient_clip,
        validate_every=settings.validate_every,
        patience=settings.patience,
        snapshots=settings.snapshots,
    )


def _loss(objective: Objective, heads: Any, labels: Tensor, images: Tensor) -> Tensor:
    loss = objective.loss
    value: Tensor = loss(heads, labels, image=images) if wants_image(loss) else loss(heads, labels)
    return value


def _all_heads(net: Segmenter, settings: TrainRecipe, fabric: Fabric) -> nn.Module:
    every: nn.Module = AllHeads(net)
    on_device = fabric.device.type == "cuda" and torch.utils._triton.has_triton()
    wanted = on_device if settings.compile == "auto" else settings.compile == "yes"
    return torch.compile(every) if wanted else every  # type: ignore[return-value]
