"""Experiments: arms x draws, trials that anybody can take up, statistics by subject, one page."""

from segscope.experiments.again import (
    OpenTrial,
    on_trials,
    open_trial,
    read_again,
    score_again,
    scored_again,
    write_again,
)
from segscope.experiments.arm import Arm, parse_arm
from segscope.experiments.centres import centre_draws
from segscope.experiments.draw import (
    Draw,
    Subsets,
    class_draws,
    fold_draws,
    group_draws,
    subset_draws,
)
from segscope.experiments.engine import page_again, plan_experiment, run_experiment
from segscope.experiments.experiment import (
    BUDGETS,
    Experiment,
    Step,
    cases_of,
    content_of,
    make_experiment,
    read_experiment,
    write_experiment,
)
from segscope.experiments.page import Paper, answer, draw_contours, pictured
from segscope.experiments.table import Outcome, collect
from segscope.experiments.task import Task
from segscope.experiments.trial import Trial, do_trial
from segscope.experiments.work import alone, content_of_files, key_of, made_once

__all__ = [
    "BUDGETS",
    "Arm",
    "Draw",
    "Experiment",
    "OpenTrial",
    "Outcome",
    "Paper",
    "Step",
    "Subsets",
    "Task",
    "Trial",
    "alone",
    "answer",
    "cases_of",
    "centre_draws",
    "class_draws",
    "collect",
    "content_of",
    "content_of_files",
    "do_trial",
    "draw_contours",
    "fold_draws",
    "group_draws",
    "key_of",
    "made_once",
    "make_experiment",
    "on_trials",
    "open_trial",
    "page_again",
    "parse_arm",
    "pictured",
    "plan_experiment",
    "read_again",
    "read_experiment",
    "run_experiment",
    "score_again",
    "scored_again",
    "subset_draws",
    "write_again",
    "write_experiment",
]
