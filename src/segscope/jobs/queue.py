"""Independent pieces of work, one after the other, by several processes, or through Ray."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from segscope.errors import InputError, WorkError
from segscope.jobs.cluster import open_cluster
from segscope.jobs.crew import Crew, Done, Item, Work
from segscope.jobs.processes import Processes
from segscope.progress import Pace, track

_TRIES = 3


def run_jobs(
    work: Work,
    arguments: Sequence[Item],
    *,
    jobs: int = 1,
    ray: bool = False,
    doing: str = "training",
    say: Callable[[str], None] | None = None,
    take: Callable[[Item, Any], None] = lambda *_: None,
) -> None:
    """Do ``work(*item)`` for every item, in any order.

    A process or machine that is lost (killed, out of memory) costs its piece, which is begun
    again, three times at most.

    Args:
        work: A module's function; what it makes, it writes, or returns to be taken.
        arguments: Plain texts per piece of work; the last names it in messages.
        jobs: Processes at a time, which share the cores; one works in this process.
        ray: Hand the work to Ray: to the cluster that ``RAY_ADDRESS`` names, else to this machine.
        doing: For the progress bar.
        say: Receives a line per piece, with the time that is left.
        take: Receives each item and what came of it, in this process.

    Raises:
        InputError: Fewer than one job; Ray is not installed.
        WorkError: After all others were done: some failed; each is named with its reason. It is
            an InputError where one process works and only the input is at fault.
    """
    pace = Pace(doing, len(arguments), say)
    failed: dict[str, str] = {}
    if jobs == 1 and not ray:
        failed = _here(work, arguments, doing, pace, take)
    elif arguments or jobs < 1:
        with open_crew(jobs=jobs, ray=ray) as crew:
            done = crew.finished(work, arguments, tries=_TRIES)
            for one in track(done, doing, total=len(arguments)):
                pace.step(str(one.item[-1]), failed=bool(one.error))
                if one.error:
                    failed[str(one.item[-1])] = one.error
                else:
                    take(one.item, one.value)
    if failed:
        raise WorkError(_said(failed, arguments))


@contextmanager
def open_crew(*, jobs: int, ray: bool = False, device: str = "auto") -> Iterator[Crew]:
    """Have some processes, or those of a cluster, at hand.

    Args:
        jobs: How many at a time; with Ray on each machine.
        ray: Of the cluster that ``RAY_ADDRESS`` names; without it of this machine through Ray.
        device: That the work will ask for: decides how GPUs are shared.

    Raises:
        InputError: Fewer than one job; Ray is not installed, or its cluster is not there.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: at least one is needed")
    if ray:
        with open_cluster(jobs, device) as cluster:
            yield cluster
    else:
        with closing(Processes(jobs, device)) as processes:
            yield processes


def _said(failed: Mapping[str, str], arguments: Sequence[Item]) -> str:
    lines = [f"{name}: {reason}" for name, reason in failed.items()]
    heading = f"{len(failed)} of {len(arguments)} pieces of work failed:"
    return "\n  ".join([heading, *lines]) + "\nthe others are kept; start it again to go on"


def _here(
    work: Work,
    arguments: Sequence[Item],
    doing: str,
    pace: Pace,
    take: Callable[[Item, Any], None],
) -> dict[str, str]:
    failed: dict[str, Done] = {}
    for item in track(arguments, doing):
        try:
            take(item, work(*item))
        except (InputError, WorkError, MemoryError) as error:
            said = str(error) or type(error).__name__
            failed[item[-1]] = Done(item, error=said, bad_input=isinstance(error, InputError))
        pace.step(item[-1], failed=item[-1] in failed)
    reasons = {name: one.error for name, one in failed.items()}
    if failed and all(one.bad_input for one in failed.values()):
        raise InputError(_said(reasons, arguments))  # nothing went wrong but what was asked for
    return reasons
