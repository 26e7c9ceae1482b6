"""Work by several processes, or by many machines through Ray: whoever is lost loses one piece."""

from segscope.jobs.crew import Crew, Done, Item, Work
from segscope.jobs.pieces import cut, run_pieces
from segscope.jobs.queue import open_crew, run_jobs

__all__ = ["Crew", "Done", "Item", "Work", "cut", "open_crew", "run_jobs", "run_pieces"]
