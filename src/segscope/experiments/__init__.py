"""Experiments: arms x draws, trials that anybody can take up, statistics by subject, one page."""

from segscope.experiments.again import on_trials, read_again, score_again, scored_again, write_again
from segscope.experiments.arm import Arm, parse_arm
from segscope.experiments.draw import Draw, Subsets, fold_draws, group_draws, subset_draws
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
from segscope.experiments.page import Paper, answer, case_panel, prediction_files
from segscope.experiments.table import Outcome, collect
from segscope.experiments.task import Task
from segscope.experiments.trial import Trial, do_trial
from segscope.experiments.work import alone, content_of_files, key_of, made_once

__all__ = [
    "BUDGETS",
    "Arm",
    "Draw",
    "Experiment",
    "Outcome",
    "Paper",
    "Step",
    "Subsets",
    "Task",
    "Trial",
    "alone",
    "answer",
    "case_panel",
    "cases_of",
    "collect",
    "content_of",
    "content_of_files",
    "do_trial",
    "fold_draws",
    "group_draws",
    "key_of",
    "made_once",
    "make_experiment",
    "on_trials",
    "page_again",
    "parse_arm",
    "plan_experiment",
    "prediction_files",
    "read_again",
    "read_experiment",
    "run_experiment",
    "score_again",
    "scored_again",
    "subset_draws",
    "write_again",
    "write_experiment",
]
