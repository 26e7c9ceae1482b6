"""Independent pieces of work by several processes, or by many machines through Ray.

What a piece makes, it writes; so whoever is lost loses one piece, which another takes up again.
"""

import importlib.util
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from segscope.errors import InputError, WorkError
from segscope.progress import track

Work = Callable[..., None]
Item = tuple[str, ...]

_TRIES = 3


def run_jobs(
    work: Work,
    arguments: Sequence[Item],
    *,
    jobs: int = 1,
    ray: bool = False,
    doing: str = "training",
) -> None:
    """Do ``work(*item)`` for every item, in any order.

    A process or machine that is lost (killed, out of memory) costs its piece, which is begun
    again, three times at most.

    Args:
        work: A module's function; what it makes, it writes.
        arguments: Plain texts per piece of work; the last names it in messages.
        jobs: Processes at a time, which share the cores; one works in this process.
        ray: Hand the work to Ray: to the cluster that ``RAY_ADDRESS`` names, else to this machine.
        doing: For the progress bar.

    Raises:
        InputError: Fewer than one job; Ray is not installed.
        WorkError: After all others were done: some failed; each is named with its reason. It is
            an InputError where one process works and only the input is at fault.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: at least one is needed")
    if ray:
        failed = _by_ray(work, arguments, jobs, doing)
    elif jobs == 1:
        failed = _here(work, arguments, doing)
    else:
        failed = _by_processes(work, arguments, jobs, doing)
    if failed:
        raise WorkError(_said(failed, arguments))


def _said(failed: Mapping[str, str], arguments: Sequence[Item]) -> str:
    lines = [f"{name}: {reason}" for name, reason in failed.items()]
    heading = f"{len(failed)} of {len(arguments)} pieces of work failed:"
    return "\n  ".join([heading, *lines]) + "\nthe others are kept; start it again to go on"


def _here(work: Work, arguments: Sequence[Item], doing: str) -> dict[str, str]:
    failed = {}
    bad: list[InputError] = []
    for item in track(arguments, doing):
        try:
            work(*item)
        except (InputError, WorkError, MemoryError) as error:
            failed[item[-1]] = str(error) or type(error).__name__
            bad += [error] if isinstance(error, InputError) else []
    if bad and len(bad) == len(failed):  # nothing went wrong but what was asked for
        raise InputError(_said(failed, arguments))
    return failed


def _by_processes(work: Work, arguments: Sequence[Item], jobs: int, doing: str) -> dict[str, str]:
    failed: dict[str, str] = {}
    todo = list(arguments)
    for _ in range(_TRIES):
        todo = _one_pool(work, todo, jobs, doing, failed)
        if not todo:
            return failed
    lost = "its process died (killed, or out of memory); try fewer --jobs"
    return failed | {item[-1]: lost for item in todo}


def _one_pool(
    work: Work, todo: Sequence[Item], jobs: int, doing: str, failed: dict[str, str]
) -> list[Item]:
    """Do what can be done until a process dies; return what was not done."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    # fresh processes: a fork would take over torch's threads in whatever state they are
    context = multiprocessing.get_context("spawn")
    lost: list[Item] = []
    with ProcessPoolExecutor(jobs, context, _set_threads, (threads,)) as pool:
        begun: dict[Future[None], Item] = {pool.submit(work, *item): item for item in todo}
        for done in track(as_completed(begun), doing, total=len(begun)):
            error = done.exception()
            if isinstance(error, BrokenProcessPool):
                lost.append(begun[done])
            elif error is not None:
                failed[begun[done][-1]] = str(error) or type(error).__name__
    return lost


def _by_ray(work: Work, arguments: Sequence[Item], jobs: int, doing: str) -> dict[str, str]:
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
        # retried where a worker or its machine was lost; what a piece itself raises is final
        remote = ray.remote(num_cpus=share, max_retries=_TRIES)(_on_threads)
        begun = {remote.remote(work, item, share): item[-1] for item in arguments}
        failed = {}
        for reference in track(list(begun), doing):
            try:
                ray.get(reference)
            except ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None) or error
                failed[begun[reference]] = str(cause).strip().splitlines()[-1]
        return failed
    finally:
        if own:
            ray.shutdown()


def _on_threads(work: Work, item: Item, threads: int) -> None:
    _set_threads(threads)
    work(*item)


def _set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
