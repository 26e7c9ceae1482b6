"""From images and masks to a run: recipe, plan, samples, loop, state, log."""

from segscope.training.asked import other_values, refuse_others
from segscope.training.augment import AugmentPlan, allowed_mirror_axes, sided_axes
from segscope.training.budget import Budget
from segscope.training.checkpoint import load_state, save_state
from segscope.training.loop import Course, Progress, Task, fit
from segscope.training.memory import estimated_memory_gb, recipe_memory_gb
from segscope.training.patches import EpochSampler, PatchDataset, PreparedCase
from segscope.training.planner import (
    Machine,
    plan_recipe,
    plan_run,
    write_plan,
)
from segscope.training.recipe import Recipe, load_partial, parse_settings, preset_names, read_recipe
from segscope.training.run import Training, choose_fold, labelled, train_dataset, train_in_time
from segscope.training.run_folder import check_run_folder, has_begun, holds_nothing
from segscope.training.setup import is_main_process
from segscope.training.validation import (
    evaluate_in_time,
    evaluate_validation,
    read_split,
    reading_of,
    validation_cases,
)

__all__ = [
    "AugmentPlan",
    "Budget",
    "Course",
    "EpochSampler",
    "Machine",
    "PatchDataset",
    "PreparedCase",
    "Progress",
    "Recipe",
    "Task",
    "Training",
    "allowed_mirror_axes",
    "check_run_folder",
    "choose_fold",
    "estimated_memory_gb",
    "evaluate_in_time",
    "evaluate_validation",
    "fit",
    "has_begun",
    "holds_nothing",
    "is_main_process",
    "labelled",
    "load_partial",
    "load_state",
    "other_values",
    "parse_settings",
    "plan_recipe",
    "plan_run",
    "preset_names",
    "read_recipe",
    "read_split",
    "reading_of",
    "recipe_memory_gb",
    "refuse_others",
    "save_state",
    "sided_axes",
    "train_dataset",
    "train_in_time",
    "validation_cases",
    "write_plan",
]
