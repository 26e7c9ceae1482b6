"""The training loop: one function to read from top to bottom, for whatever is trained.

A `Task` says what differs between a segmentation network and a classifier: batches, loss, what is
measured on held-out cases, and which of two measurements is better. All the rest is here.

All randomness of a sample comes from (seed, epoch, index), and everything else a step depends on
is in the state that is saved after each epoch. So a training that was killed and resumed ends with
the same weights, bit for bit, as one that was left alone (on a processor, with as many threads),
unless ``max_minutes`` ties the learning rate to the clock.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from segscope.errors import WorkError, is_of_memory
from segscope.training.budget import Budget, Pace
from segscope.training.checkpoint import STATE_FORMAT, random_state, save_state
from segscope.training.log import Row, TrainingLog
from segscope.training.losses_seen import LossesSeen
from segscope.training.restore import restore
from segscope.training.run_folder import STATE, hidden
from segscope.training.schedule import learning_rate, progress_share

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


@dataclass
class Progress:
    """Where a training stands after its last finished epoch.

    Args:
        epoch: Epochs so far.
        step: Steps so far.
        elapsed_s: Seconds since the command began, of all its pieces where it was resumed.
        begun_s: Seconds until the first step.
        ended_s: The limit by which the clock ended it; 0 where none has.
        best: The best measurement, see `Task.rank`; empty before the first.
        best_epoch: When that was, from 0.
        rows: Of the log, one per epoch.
    """

    epoch: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    begun_s: float = 0.0
    ended_s: float = 0.0
    best: list[float] = field(default_factory=list)
    best_epoch: int = -1
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long a training goes on, and at which rate.

    Args:
        epochs: At most.
        steps_per_epoch: Batches of each.
        max_minutes: Of the whole command, at most.
        learning_rate: At its highest.
        schedule: See `segscope.training.schedule.learning_rate`.
        rate_each: Whether the rate is another one with each step or with each epoch.
        warmup_steps: During which the rate rises.
        gradient_clip: Largest norm of the gradient; None leaves it as it is.
        validate_every: Epochs.
        patience: Epochs without a better measurement before it ends; 0 never does.
        snapshots: Epochs, from 1, whose weights are kept.
    """

    epochs: int
    steps_per_epoch: int
    max_minutes: float | None = None
    learning_rate: float
    schedule: str
    rate_each: Literal["step", "epoch"] = "step"
    warmup_steps: int = 0
    gradient_clip: float | None = None
    validate_every: int = 1
    patience: int = 0
    snapshots: tuple[int, ...] = ()


class Opponent(Protocol):
    """What is trained against the network, in turns."""

    def step(self, heads: Any, labels: Tensor, images: Tensor) -> None:
        """Take a step after one of the network's, by what that gave out before."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that another step depends on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is trained, and how it is judged.

    Args:
        net: Its parameters hold the result.
        model: Called with images; the network itself, or something around it.
        optimizer: Of the network's parameters.
        batches: Images and labels of an epoch, by its number.
        loss: Of the model's output, labels and images.
        validate: Measures the network on held-out cases, by name.
        rank: How good a measurement is; of two, the larger is better, number by number.
        headline: The measurement that the progress bar shows.
        keep: Called with ``"best"``, ``"last"`` or ``"epoch0001"`` when the weights are that.
        opponent: Takes a step after each of the network's.
        remedy: What may help when the loss is no longer finite.
        smaller: Settings that take less memory when they are lower.
        validation_s: What a validation is expected to take; looked at where time is limited.
    """

    net: nn.Module
    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]]
    loss: Callable[[Any, Tensor, Tensor], Tensor]
    validate: Callable[[], dict[str, float]]
    rank: Callable[[Mapping[str, float]], tuple[float, ...]]
    headline: str
    keep: Callable[[str], None]
    adversary: Opponent | None = None
    remedy: str = "lower the learning rate"
    smaller: str = "batch_size"
    validation_s: float = 0.0


def fit(
    task: Task,
    course: Course,
    fabric: Fabric,
    *,
    folder: Path,
    budget: Budget,
    resume: bool = False,
) -> Progress:
    """Train a network in place.

    Args:
        task: What is trained, on what, and how it is judged.
        course: Schedule and ends.
        fabric: Launched; decides devices and precision.
        folder: Where log and state are written.
        budget: Its clock began with the command; takes the course's limit.
        resume: Continue from the state in ``folder``.

    Raises:
        InputError: The state to resume is damaged, or of another training.
        WorkError: The loss is no longer finite, or a data worker died.
    """
    model, optimizer = fabric.setup(task.model, task.optimizer)
    progress, state = Progress(), hidden(folder, STATE)
    if resume:
        progress = restore(state, Progress, task.net, optimizer, adversary=task.adversary)
    budget.carry(progress.elapsed_s)
    pace = Pace(validation_s=task.validation_s)
    if not resume and fabric.is_global_zero:  # from here on a run that ends can be resumed
        with _timed() as took:
            save_state(state, _state(task, optimizer, progress))
        pace.saving_s = 3 * took()  # of best and last weights, and of the state
    total_steps = course.epochs * course.steps_per_epoch
    shown = progress.rows[-1].get(f"val_{task.headline}", math.nan) if progress.rows else math.nan
    if finished(progress, course, budget):
        budget.release()
        _LOG.info("%s: is trained to its end already (%d epochs)", folder, progress.epoch)
        return progress
    if not progress.step:
        progress.begun_s = budget.elapsed_s()
        _warn_when_late(progress, budget, course)
    with _log(folder, progress, total_steps, fabric) as log, _named_faults(task, progress):
        while not finished(progress, course, budget):
            model.train()
            losses = LossesSeen(fabric.device, task.remedy)
            rate, up, before = course.learning_rate, False, budget.elapsed_s()
            for images, labels in task.batches(progress.epoch):
                elapsed = budget.elapsed_s()
                done = progress.step
                if course.rate_each == "epoch":
                    done = progress.epoch * course.steps_per_epoch
                share = progress_share(
                    done,
                    total_steps,
                    elapsed_s=elapsed,
                    begun_s=progress.begun_s,
                    end_s=budget.training_s() - pace.closing_s,
                )
                share = _agreed(share, budget, fabric)
                rate = learning_rate(
                    course.learning_rate,
                    course.schedule,
                    share,
                    progress.step,
                    course.warmup_steps,
                )
                for group in optimizer.param_groups:
                    group["lr"] = rate
                x = images.to(fabric.device, non_blocking=True)
                y = labels.to(fabric.device, non_blocking=True)
                output = model(x)
                value = task.loss(output, y, x)
                fabric.backward(value)
                norm = _clip(model, optimizer, course, fabric)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                if task.adversary is not None:
                    task.adversary.step(output, y, x)
                looked = losses.add(value, step=progress.step, epoch=progress.epoch, norm=norm)
                progress.step += 1
                if log:
                    left = (elapsed - progress.begun_s) / max(share, 1e-3) * (1 - share)
                    log.step(progress.step, losses.last, task.headline, shown, seconds_left=left)
                now = budget.elapsed_s()
                if looked:
                    pace.step((now - before) / looked)
                    before = now
                # another step would end too late for what comes after it
                now = max(now, before + losses.waiting * pace.step_s)
                late = now + pace.step_s + pace.closing_s > budget.training_s()
                up = _agreed(late, budget, fabric)
                if up:
                    break
            losses.look(step=progress.step - 1, epoch=progress.epoch)
            before = budget.elapsed_s()
            # so would another epoch of one step
            late = before + pace.step_s + 2 * pace.closing_s > budget.training_s()
            up = up or _agreed(late, budget, fabric)
            if up:
                progress.ended_s = budget.limit_s
            progress.epoch += 1
            better = False
            row: Row = {
                "epoch": progress.epoch - 1,
                "train_loss": sum(losses.values) / len(losses.values),
                "learning_rate": rate,
            }
            if progress.epoch % course.validate_every == 0 or progress.epoch >= course.epochs or up:
                model.eval()
                with _timed() as took:
                    scores = fabric.broadcast(task.validate() if fabric.is_global_zero else {})
                pace.validation_s = took()
                row |= {f"val_{name}": value for name, value in scores.items()}
                shown = scores[task.headline]
                better = _is_better(task.rank(scores), progress)
            progress.elapsed_s = budget.elapsed_s()
            row["seconds"] = round(progress.elapsed_s, 2)
            progress.rows.append(row)
            if log:
                with _timed() as took:
                    if better:
                        task.keep("best")
                    task.keep("last")
                    if progress.epoch in course.snapshots:
                        task.keep(f"epoch{progress.epoch:04d}")
                    log.epoch(progress.rows)
                    save_state(state, _state(task, optimizer, progress))
                pace.saving_s = took()
            fabric.barrier()
    return progress


def finished(progress: Progress, course: Course, budget: Budget) -> bool:
    """Whether epochs, time or patience are used up."""
    waited = progress.epoch - 1 - progress.best_epoch
    return (
        progress.epoch >= course.epochs
        or progress.ended_s >= budget.limit_s
        or (course.patience > 0 and progress.best_epoch >= 0 and waited >= course.patience)
    )


def _is_better(rank: tuple[float, ...], progress: Progress) -> bool:
    """Compare a measurement with the best one, and keep it when it is better."""
    found = [-math.inf if math.isnan(value) else value for value in rank]
    if progress.best_epoch >= 0 and found <= progress.best:
        return False
    progress.best, progress.best_epoch = found, progress.epoch - 1
    return True


def _state(task: Task, optimizer: torch.optim.Optimizer, progress: Progress) -> dict[str, Any]:
    known = {} if task.adversary is None else {"adversary": task.adversary.state_dict()}
    return {
        "format": STATE_FORMAT,
        **known,
        "weights": dict(task.net.state_dict()),
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
def _named_faults(task: Task, progress: Progress) -> Iterator[None]:
    """Say what to change where memory ran out, or an operation has no deterministic form."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_of_memory(error):
            raise WorkError(
                f"memory ran out at step {progress.step} (epoch {progress.epoch}); the last "
                f"finished epoch is kept: lower {task.smaller}, then start again"
            ) from error
        operation, found, _ = str(error).partition(" does not have a deterministic implementation")
        if not found:
            raise
        raise WorkError(
            f"train.deterministic: {operation} has no deterministic form on this device; train on "
            "a processor (train.device=cpu), or leave train.deterministic out"
        ) from error


def _clip(model: Any, optimizer: Any, course: Course, fabric: Fabric) -> Tensor | None:
    """Shorten the gradient; return its norm, but with a scaler, which leaves infinite steps out.

    Whether it is finite is not asked here: a graphics card would stop at every step to answer.
    """
    if course.gradient_clip is None:
        return None
    norm = fabric.clip_gradients(
        model, optimizer, max_norm=course.gradient_clip, error_if_nonfinite=False
    )
    return None if getattr(fabric.strategy.precision, "scaler", None) else norm


def _agreed(value: T, budget: Budget, fabric: Fabric) -> T:
    """What the first process found: where clocks decide, or one would wait for another for ever."""
    if fabric.world_size == 1 or math.isinf(budget.limit_s):
        return value
    agreed: T = fabric.broadcast(value)
    return agreed


def _warn_when_late(progress: Progress, budget: Budget, course: Course) -> None:
    if progress.begun_s >= budget.training_s():
        _LOG.warning(
            "max_minutes=%g: reading and preparing took %.0f s, which leaves no time to train; "
            "one step is made: allow more minutes",
            course.max_minutes,
            progress.begun_s,
        )


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    """Hand on what says, afterwards, how many seconds went by."""
    started = time.monotonic()
    ended: list[float] = []
    yield lambda: ended[0] - started
    ended.append(time.monotonic())
