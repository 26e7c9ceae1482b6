"""Work of the classifier-map study's trials; `test_cam` does whole ones."""

import json

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data import open_dataset, read_label
from segscope.experiments import Task
from segscope.studies.cam_trials import learn_maps, learn_masks
from tests.studies.cam_results import draw
from tests.training.test_classify import write_classes

TINY = {"network": {"widths": [4, 6]}, "patch": [16, 16],
        "train": {"epochs": 1, "steps_per_epoch": 1}}  # fmt: skip


@pytest.fixture
def task(tmp_path):
    """Regions s00 to s05, normal and abnormal in turn; the last two are tested."""
    rois = write_classes(tmp_path / "rois", subjects=6, each=1)
    names = [case.name for case in rois.training]
    own = draw("d0").model_copy(
        update={"train": (*names[:2], names[3]), "val": (names[2],), "test": tuple(names[4:])}
    )
    return Task(tmp_path / "t", rois, own, {"unet": TINY})


def test_only_abnormal_test_regions_are_scored_by_their_true_masks(task):
    found = learn_masks(task)
    name = task.draw.test[1]
    assert [row["case"] for row in found["rows"]] == [name]
    predicted = read_label(task.root / "predictions" / f"{name}.png").array > 0
    truth = read_label(task.dataset.training[5].label_file).array > 0
    total = predicted.sum() + truth.sum()
    dice = 2 * (predicted & truth).sum() / total
    assert found["rows"][0]["scores"]["dice"] == pytest.approx(dice)
    assert found["steps"] == 1


def test_maps_above_their_threshold_are_what_is_learned(task, tmp_path):
    maps = tmp_path / "before" / "labels_otsu"
    (maps / "heatmaps").mkdir(parents=True)
    rows = []
    for case in (task.dataset.training[k] for k in (1, 3, 5)):
        levels = np.zeros(read_label(case.label_file).array.shape, np.uint8)
        levels[2:6, 3:9] = 200
        PillowImage.fromarray(levels).save(maps / "heatmaps" / f"{case.name}.png")
        rows.append({"case": case.name, "threshold": 100})
    (maps / "cam.json").write_text(json.dumps({"maps": rows}))
    options = {"unet": TINY, "classifier": "net", "criterion": "otsu"}
    asked = Task(task.root, task.dataset, task.draw, options, {"net": tmp_path / "before"})
    found = learn_maps(asked)
    labels = open_dataset(task.root / "dataset")
    sizes = [int((read_label(case.label_file).array > 0).sum()) for case in labels.training]
    assert sizes == [0, 24, 0, 24, 0, 24]
    assert [row["case"] for row in found["rows"]] == [task.draw.test[1]]
