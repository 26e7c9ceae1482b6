"""Independent pieces of work by several processes, or by many machines through Ray."""

import importlib.util
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import torch

from segscope.errors import InputError, WorkError
from segscope.progress import track

Work = Callable[..., None]


def run_jobs(
    work: Work, arguments: Sequence[tuple[str, ...]], *, jobs: int = 1, ray: bool = False
) -> None:
    """Do ``work(*item)`` for every item, in any order.

    Args:
        work: A module's function; what it makes, it writes.
        arguments: Plain texts per piece of work.
        jobs: Processes at a time, which share the cores; one works in this process.
        ray: Hand the work to Ray: to the cluster that ``RAY_ADDRESS`` names, else to this machine.

    Raises:
        InputError: Fewer than one job; Ray is not installed.
        WorkError: After all others were done: some failed; each is named with its reason.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: at least one is needed")
    failed: dict[str, str] = {}
    if ray:
        failed = _by_ray(work, arguments, jobs)
    elif jobs == 1:
        for item in track(arguments, "training"):
            work(*item)
    else:
        failed = _by_processes(work, arguments, jobs)
    if failed:
        lines = [f"{name}: {reason}" for name, reason in failed.items()]
        raise WorkError(
            "\n  ".join([f"{len(failed)} of {len(arguments)} runs failed:", *lines])
            + "\nthe others are kept; start the study again to go on"
        )


def _by_processes(work: Work, arguments: Sequence[tuple[str, ...]], jobs: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    failed = {}
    # fresh processes: a fork would take over torch's threads in whatever state they are
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, torch.set_num_threads, (threads,)) as pool:
        begun = {pool.submit(work, *item): item[-1] for item in arguments}
        for done in track(as_completed(begun), "training", total=len(begun)):
            if (error := done.exception()) is not None:
                failed[begun[done]] = str(error) or type(error).__name__
    return failed


def _by_ray(work: Work, arguments: Sequence[tuple[str, ...]], jobs: int) -> dict[str, str]:
    if importlib.util.find_spec("ray") is None:
        raise InputError("--ray: needs Ray; install segscope[ray]")
    import ray

    own = not ray.is_initialized()
    if own:
        address = os.environ.get("RAY_ADDRESS")
        local: dict[str, Any] = {} if address else {"num_cpus": os.cpu_count()}
        ray.init(address=address, log_to_driver=False, include_dashboard=False, **local)
    try:
        share = max(1, (os.cpu_count() or 1) // jobs)
        remote = ray.remote(num_cpus=share)(_on_threads)
        begun = {remote.remote(work, item, share): item[-1] for item in arguments}
        failed = {}
        for reference in track(list(begun), "training"):
            try:
                ray.get(reference)
            except ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None) or error
                failed[begun[reference]] = str(cause).strip().splitlines()[-1]
        return failed
    finally:
        if own:
            ray.shutdown()


def _on_threads(work: Work, item: tuple[str, ...], threads: int) -> None:
    torch.set_num_threads(threads)
    work(*item)
