"""Pieces of work by the machines of a Ray cluster, or by this one through Ray."""

import importlib.util
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segscope.errors import InputError
from segscope.jobs.crew import Done, Item, Work, set_threads

_LOST = "its machine or process was lost (killed, or out of memory); try fewer --jobs"


class Cluster:
    """The machines of a cluster.

    Args:
        ray: The module, connected.
        jobs: Pieces at a time on each machine.
        device: What the work will ask for; where the cluster has GPUs and that is one, each
            piece has a GPU of its own.
    """

    one_disk = False

    def __init__(self, ray: Any, jobs: int, device: str) -> None:
        self._ray = ray
        nodes = [n["Resources"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU")]
        gpus = [n for n in nodes if n.get("GPU")] if device != "cpu" else []
        # a piece that asks for more than the smallest machine has would never be begun there
        self._threads = max(1, int(min(n["CPU"] for n in gpus or nodes)) // jobs)
        self._gpus = 1 if gpus else 0
        by_cores = sum(int(n["CPU"]) // self._threads for n in gpus or nodes)
        self.slots = min(by_cores, int(sum(n["GPU"] for n in gpus))) if gpus else by_cores

    def finished(self, work: Work, items: Sequence[Item], *, tries: int) -> Iterator[Done]:
        """As of `segscope.jobs.Crew`."""
        ray = self._ray
        # begun again where a worker or its machine was lost; what a piece itself raises is final
        remote = ray.remote(
            num_cpus=self._threads, num_gpus=self._gpus, max_retries=tries - 1, max_calls=0
        )(_do)
        where = str(Path.cwd())
        lent: dict[int, Any] = {}  # what several pieces have is handed over once

        def packed(part: Any) -> Any:
            if isinstance(part, dict):
                if id(part) not in lent:
                    lent[id(part)] = ray.put(part)
                return lent[id(part)]
            return part

        begun = {
            remote.remote(work, tuple(map(packed, item)), self._threads, where): item
            for item in items
        }
        while begun:
            ready, _ = ray.wait(list(begun), num_returns=1)
            for reference in ready:
                yield _answer(ray, reference, begun.pop(reference))


def _answer(ray: Any, reference: Any, item: Item) -> Done:
    try:
        value, said, bad_input = ray.get(reference)
    except ray.exceptions.RayError as error:
        # what a piece raises is its answer: such an error says that it could not even be begun
        if isinstance(error, ray.exceptions.RayTaskError):
            return Done(item, error=str(error).strip().splitlines()[-1])
        return Done(item, error=_LOST, lost=True)
    return Done(item, value, said, bad_input=bad_input)


def has_ray() -> bool:
    """Whether Ray is installed."""
    return importlib.util.find_spec("ray") is not None


@contextmanager
def open_cluster(jobs: int, device: str) -> Iterator[Cluster]:
    """Connect to the cluster that ``RAY_ADDRESS`` names; without it, begin one on this machine.

    Raises:
        InputError: Ray is not installed; nobody answers there; a GPU is named by number.
    """
    if not has_ray():
        raise InputError("--ray: needs Ray; install segscope[ray]")
    if ":" in device:
        raise InputError(f"--device {device}: with --ray each piece is given its GPU; say cuda")
    # nothing is told to anybody, and work without a GPU is not kept from the GPUs by a variable
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    own = not ray.is_initialized()
    if own:
        _connect(ray)
    try:
        yield Cluster(ray, jobs, device)
    finally:
        if own:
            ray.shutdown()


def _connect(ray: Any) -> None:
    address = os.environ.get("RAY_ADDRESS")
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        ray.init("local", num_cpus=os.cpu_count(), include_dashboard=False, **how)
        return
    try:
        ray.init(address, **how)
    except (ConnectionError, RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"RAY_ADDRESS {address}: no cluster answers ({said})") from None


def _do(work: Work, item: Item, threads: int, where: str) -> tuple[Any, str, bool]:
    """Do one piece on whatever machine this is, from the same folder where it has that."""
    if Path(where).is_dir():
        os.chdir(where)
    set_threads(threads)
    import ray

    try:
        given = [ray.get(part) if isinstance(part, ray.ObjectRef) else part for part in item]
        return work(*given), "", False
    except Exception as error:
        return None, str(error) or type(error).__name__, isinstance(error, InputError)
