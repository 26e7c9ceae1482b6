"""The smallest training that is one."""

from segscope.data import measure_fingerprint
from segscope.training import plan_recipe, train_dataset

TINY = {
    "network": {"widths": [4, 8]},
    "train": {"epochs": 2, "steps_per_epoch": 3, "batch_size": 2},
}


def run(dataset, folder, **train):
    fingerprint = measure_fingerprint(dataset)
    changes = {**TINY, "train": {**TINY["train"], **train}}
    recipe = plan_recipe(fingerprint, None, changes)
    return train_dataset(dataset, fingerprint, recipe, folder, folds=3)
