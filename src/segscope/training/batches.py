"""Batches of patches, epoch after epoch, made here or by data workers that may die."""

import signal
import threading
from collections.abc import Iterator
from typing import Any, Self

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader

from segscope.errors import WorkError
from segscope.training.patches import EpochSampler, PatchDataset
from segscope.training.recipe import TrainRecipe


class PatchBatches:
    """Call it with an epoch's number for that epoch's batches ``(images, labels)``.

    A context: on leaving it the workers' signals are handled as before.

    Args:
        samples: Patches, addressed by (epoch, index).
        settings: Size of a batch, seed.
        fabric: Launched; each of several processes takes its part.
        workers: Processes that prepare samples; none where it is 0.
    """

    def __init__(
        self, samples: PatchDataset, settings: TrainRecipe, fabric: Fabric, *, workers: int
    ) -> None:
        self._samples, self._workers = samples, workers
        self._size = settings.batch_size
        self._sampler = EpochSampler(
            len(samples), 0, rank=fabric.global_rank, ranks=fabric.world_size
        )
        self._loader: DataLoader[Any] = DataLoader(
            samples,
            settings.batch_size,
            sampler=self._sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=fabric.device.type == "cuda",
            generator=torch.Generator().manual_seed(settings.seed),  # leaves the global one alone
        )
        self._handler: list[Any] = []

    def __call__(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch.

        Raises:
            WorkError: A data worker died; the cases that were due are named.
        """
        self._sampler.epoch = epoch
        done = 0
        try:
            for images, labels in self._loader:
                self._silence()
                yield images, labels
                done += self._size
        except (RuntimeError, OSError, EOFError) as error:
            self._say_dead(error, done)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *about_it: object) -> None:
        # not after an error: the other workers are still to be ended, and one of them may be dead
        if self._handler and kind is None:
            signal.signal(signal.SIGCHLD, self._handler[0] or signal.SIG_DFL)

    def _silence(self) -> None:
        """Undo torch's handler of dead children, which raises wherever we happen to be.

        It is set when the workers start, so this comes after the first batch. Without it a dead
        worker is noticed where its next batch is due, within seconds.
        """
        main = threading.current_thread() is threading.main_thread()
        if self._workers and not self._handler and main:
            self._handler.append(signal.signal(signal.SIGCHLD, signal.SIG_DFL))

    def _say_dead(self, error: Exception, done: int) -> None:
        """Say what was going on when a data worker died."""
        # while its last tensors are handed over, a dead worker is a connection that breaks
        broken = isinstance(error, (ConnectionError, EOFError))
        if not self._workers or not (broken or "DataLoader worker" in str(error)):
            return
        awaited = list(self._sampler)[done : done + self._size]
        names = ", ".join(dict.fromkeys(self._samples.case_of(address) for address in awaited))
        raise WorkError(
            f"a data worker died while samples of {names or 'the next epoch'} were due ({error}); "
            "continue with --resume; when memory ran out, start again with fewer train.workers"
        ) from None
