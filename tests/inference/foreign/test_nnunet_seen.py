"""Whether an image is of the kind that an nnU-Net model was trained on."""

import numpy as np
import pytest

from segscope.errors import InputError
from segscope.images import Grid, Image
from segscope.inference.foreign.nnunet_plans import read_description
from segscope.inference.foreign.nnunet_seen import read_judge
from tests.inference.foreign.results_folder import DATASET, plans, rewrite

SEEN = {"shapes_after_crop": [[10, 20, 30]] * 4, "spacings": [[3.0, 1.0, 1.0]] * 4}


def judged(folder, shape, spacing, value=40.0, seen=SEEN, **configuration):
    rewrite(folder, "plans.json", plans(**configuration))
    rewrite(folder, "dataset.json", DATASET)
    rewrite(folder, "dataset_fingerprint.json", seen)
    judge = read_judge(folder, read_description(folder, "tiny"))
    return judge("case", Image(np.full((1, *shape), value), Grid.from_spacing(shape, spacing)))


def test_axes_of_files_are_those_of_nnunet_in_reverse(tmp_path):
    assert judged(tmp_path, (30, 20, 10), (1.0, 1.0, 3.0)).level == "seen"


def test_other_spacings_and_sizes_are_outside(tmp_path):
    verdict = judged(tmp_path, (30, 20, 10), (1.0, 1.0, 6.0))
    assert verdict.level == "outside"
    assert "spacing 1 x 1 x 6 mm, training had 1 x 1 x 3 mm" in verdict.describe()[0]
    far = judged(tmp_path, (30, 20, 10), (20.0, 1.0, 3.0))
    assert far.level == "far outside"


def test_a_border_of_zeros_is_no_size(tmp_path):
    rewrite(tmp_path, "plans.json", plans())
    rewrite(tmp_path, "dataset.json", DATASET)
    rewrite(tmp_path, "dataset_fingerprint.json", SEEN)
    judge = read_judge(tmp_path, read_description(tmp_path, "tiny"))
    array = np.zeros((1, 90, 60, 30))
    array[0, 30:60, 20:40, 10:20] = 1
    grid = Grid.from_spacing((90, 60, 30), (1.0, 1.0, 3.0))
    assert judge("case", Image(array, grid)).level == "seen"


@pytest.mark.parametrize(("value", "level"), [(40.0, "seen"), (1040.0, "far outside")])
def test_ct_without_a_value_of_trainings_objects_is_no_ct(value, level, tmp_path):
    found = judged(tmp_path, (30, 20, 10), (1.0, 1.0, 3.0), value,
                   normalization_schemes=["CTNormalization"])  # fmt: skip
    assert found.level == level


def test_nothing_is_known_without_a_fingerprint_and_a_damaged_one_is_refused(tmp_path):
    rewrite(tmp_path, "plans.json", plans())
    rewrite(tmp_path, "dataset.json", DATASET)
    said = read_description(tmp_path, "tiny")
    assert read_judge(tmp_path, said) is None
    rewrite(tmp_path, "dataset_fingerprint.json", {**SEEN, "spacings": [[1.0, 1.0, 1.0]]})
    with pytest.raises(InputError, match="4 shapes and 1 spacings"):
        read_judge(tmp_path, said)
