"""The training loop: one function to read from top to bottom.

All randomness of a sample comes from (seed, epoch, index), and everything else a step depends on
is in the state that is saved after each epoch. So a training that was killed and resumed ends with
the same weights, bit for bit, as one that was left alone (on a processor, with as many threads),
unless ``max_minutes`` ties the learning rate to the clock.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader

from segscope.errors import WorkError
from segscope.losses import wants_image
from segscope.networks import Segmenter
from segscope.training.checkpoint import random_state, save_state
from segscope.training.log import Row, TrainingLog
from segscope.training.minmax import ContentOpponent
from segscope.training.patches import EpochSampler, PatchDataset
from segscope.training.recipe import TrainRecipe
from segscope.training.restore import restore
from segscope.training.run_folder import STATE
from segscope.training.schedule import learning_rate, progress_share
from segscope.training.setup import Objective


@dataclass
class Progress:
    """Where a training stands after its last finished epoch."""

    epoch: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    best_dice: float = -1.0
    best_epoch: int = -1
    rows: list[Row] = field(default_factory=list)


class AllHeads(nn.Module):
    """Calls ``heads`` from ``forward``, the one method that DDP and compilers know."""

    def __init__(self, net: Segmenter) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.net.heads(x)


def fit(
    net: Segmenter,
    objective: Objective,
    samples: PatchDataset,
    settings: TrainRecipe,
    fabric: Fabric,
    *,
    folder: Path,
    validate: Callable[[], dict[str, float]],
    keep: Callable[[str], None],
    resume: bool = False,
) -> Progress:
    """Train ``net`` in place.

    Args:
        net: The network; its parameters hold the result.
        objective: Its loss is called with all heads' logits and the labels ``(N, 1, *S)``, and
            ``image=`` where it has ``needs_image``; its opponent takes a step after each of ours.
        samples: Patches, addressed by (epoch, index).
        settings: Optimiser, schedule and ends.
        fabric: Launched; decides devices and precision.
        folder: Where log and state are written.
        validate: Returns ``dice`` and whatever else should be logged.
        keep: Called with ``"best"``, ``"last"`` or ``"epoch0001"`` when the weights are that.
        resume: Continue from the state in ``folder``.

    Raises:
        InputError: The state to resume is damaged, or of another training.
        WorkError: The loss is no longer finite, or a data worker died.
    """
    optimizer = make_optimizer(net, settings)
    every: nn.Module = AllHeads(net)
    if _should_compile(settings, fabric):
        every = torch.compile(every)  # type: ignore[assignment]
    model, optimizer = fabric.setup(every, optimizer)
    progress = Progress()
    if resume:
        progress = restore(folder / STATE, Progress, net, optimizer, opponent=objective.opponent)
    sampler = EpochSampler(len(samples), 0, rank=fabric.global_rank, ranks=fabric.world_size)
    loader: DataLoader[Any] = DataLoader(
        samples,
        settings.batch_size,
        sampler=sampler,
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        pin_memory=fabric.device.type == "cuda",
        generator=torch.Generator().manual_seed(settings.seed),  # leaves the global one alone
    )
    loss, opponent = objective.loss, objective.opponent
    if not resume and fabric.is_global_zero:  # from here on a run that ends can be resumed
        save_state(folder / STATE, _state(net, optimizer, progress, opponent))
    total_steps = settings.epochs * settings.steps_per_epoch
    started = time.monotonic() - progress.elapsed_s
    dice = progress.rows[-1].get("val_dice", math.nan) if progress.rows else math.nan
    with (
        _log(folder, progress, total_steps, fabric) as log,
        _living_workers(samples, sampler, progress, settings),
        _quiet_signals() as silence,
        _named_operations(),
    ):
        while not finished(progress, settings):
            model.train()
            sampler.epoch = progress.epoch
            losses: list[float] = []
            rate = settings.learning_rate
            for images, labels in loader:
                if settings.workers:
                    silence()
                elapsed = time.monotonic() - started
                share = progress_share(progress.step, total_steps, elapsed, settings.max_minutes)
                rate = learning_rate(
                    settings.learning_rate,
                    settings.schedule,
                    share,
                    progress.step,
                    settings.warmup_steps,
                )
                for group in optimizer.param_groups:
                    group["lr"] = rate
                x = images.to(fabric.device, non_blocking=True)
                y = labels.to(fabric.device, non_blocking=True)
                heads = model(x)
                value = loss(heads, y, image=x) if wants_image(loss) else loss(heads, y)
                fabric.backward(value)
                fabric.clip_gradients(model, optimizer, max_norm=settings.gradient_clip)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                if opponent is not None:
                    opponent.step([head.detach() for head in heads], y, x)
                losses.append(_finite(value.item(), progress))
                progress.step += 1
                if log:
                    left = elapsed / max(share, 1e-3) * (1 - share)
                    log.step(progress.step, loss=losses[-1], dice=dice, seconds_left=left)
                if _time_is_up(time.monotonic() - started, settings, fabric):
                    break
            progress.elapsed_s = time.monotonic() - started
            progress.epoch += 1
            row: Row = {
                "epoch": progress.epoch - 1,
                "train_loss": sum(losses) / len(losses),
                "learning_rate": rate,
            }
            last = progress.epoch >= settings.epochs or _time_is_up(
                progress.elapsed_s, settings, fabric
            )
            if progress.epoch % settings.validate_every == 0 or last:
                model.eval()
                scores = fabric.broadcast(validate() if fabric.is_global_zero else {})
                row |= {f"val_{name}": value for name, value in scores.items()}
                dice = scores["dice"]
            progress.elapsed_s = time.monotonic() - started
            row["seconds"] = round(progress.elapsed_s, 2)
            progress.rows.append(row)
            if log:
                _keep_epoch(progress, row, keep)
                if progress.epoch in settings.snapshots:
                    keep(f"epoch{progress.epoch:04d}")
                log.epoch(progress.rows)
                state = _state(net, optimizer, progress, opponent)
                save_state(folder / STATE, state)
            fabric.barrier()
    return progress


def finished(progress: Progress, settings: TrainRecipe) -> bool:
    """Whether epochs, time or patience are used up."""
    waited = progress.epoch - 1 - progress.best_epoch
    return (
        progress.epoch >= settings.epochs
        or (settings.max_minutes is not None and progress.elapsed_s >= 60 * settings.max_minutes)
        or (settings.patience > 0 and progress.best_epoch >= 0 and waited >= settings.patience)
    )


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


def _keep_epoch(progress: Progress, row: Row, keep: Callable[[str], None]) -> None:
    dice = row.get("val_dice", math.nan)
    if dice > progress.best_dice or (progress.best_epoch < 0 and "val_dice" in row):
        progress.best_dice = -1.0 if math.isnan(dice) else dice
        progress.best_epoch = progress.epoch - 1
        keep("best")
    keep("last")


def _state(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    opponent: ContentOpponent | None,
) -> dict[str, Any]:
    known = {} if opponent is None else {"opponent": opponent.state_dict()}
    return {
        **known,
        "weights": dict(net.state_dict()),
        "optimizer": optimizer.state_dict(),
        "progress": asdict(progress),
        "random": random_state(),
    }


@contextmanager
def _log(
    folder: Path, progress: Progress, steps: int, fabric: Fabric
) -> Iterator[TrainingLog | None]:
    if not fabric.is_global_zero:
        yield None
        return
    with TrainingLog(folder, first_epoch=progress.epoch, steps=steps) as log:
        yield log


@contextmanager
def _living_workers(
    samples: PatchDataset, sampler: EpochSampler, progress: Progress, settings: TrainRecipe
) -> Iterator[None]:
    """Say what was going on when a data worker died."""
    try:
        yield
    except (RuntimeError, OSError, EOFError) as error:
        # while its last tensors are handed over, a dead worker is a connection that breaks
        broken = isinstance(error, (ConnectionError, EOFError))
        if not settings.workers or not (broken or "DataLoader worker" in str(error)):
            raise
        done = settings.batch_size * (progress.step - progress.epoch * settings.steps_per_epoch)
        awaited = list(sampler)[done : done + settings.batch_size]
        names = ", ".join(dict.fromkeys(samples.case_of(address) for address in awaited))
        raise WorkError(
            f"a data worker died while samples of {names or 'the next epoch'} were due ({error}); "
            "continue with --resume; when memory ran out, start again with fewer train.workers"
        ) from None


@contextmanager
def _named_operations() -> Iterator[None]:
    """Say which operation has no deterministic form, where ``deterministic`` asks for one."""
    try:
        yield
    except RuntimeError as error:
        operation, found, _ = str(error).partition(" does not have a deterministic implementation")
        if not found:
            raise
        raise WorkError(
            f"train.deterministic: {operation} has no deterministic form on this device; train on "
            "a processor (train.device=cpu), or leave train.deterministic out"
        ) from error


@contextmanager
def _quiet_signals() -> Iterator[Callable[[], None]]:
    """Hand on what undoes torch's handler of dead children, which raises wherever we happen to be.

    It is set when the workers start, so this is called after the first batch. Without it a dead
    worker is noticed where its next batch is due, within seconds. It is put back at the end, unless
    that is an error: the other workers are still to be ended then, and one of them may be dead.
    """
    kept: list[Any] = []

    def silence() -> None:
        if not kept and threading.current_thread() is threading.main_thread():
            kept.append(signal.signal(signal.SIGCHLD, signal.SIG_DFL))

    yield silence
    if kept:
        signal.signal(signal.SIGCHLD, kept[0] or signal.SIG_DFL)


def _finite(value: float, progress: Progress) -> float:
    if not math.isfinite(value):
        raise WorkError(
            f"the loss became {value} at step {progress.step} (epoch {progress.epoch}); "
            "the last finished epoch is kept: lower train.learning_rate or use "
            "train.precision=32-true, then start again"
        )
    return value


def _time_is_up(elapsed_s: float, settings: TrainRecipe, fabric: Fabric) -> bool:
    if settings.max_minutes is None:
        return False
    up = elapsed_s >= 60 * settings.max_minutes
    # ranks must agree, or one waits for the other's gradients for ever
    return bool(fabric.broadcast(up)) if fabric.world_size > 1 else up


def _should_compile(settings: TrainRecipe, fabric: Fabric) -> bool:
    if settings.compile != "auto":
        return settings.compile == "yes"
    return fabric.device.type == "cuda" and torch.utils._triton.has_triton()
