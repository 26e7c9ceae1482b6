"""What weights are chosen by while a network trains: which part, at what cost, and its Dice."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from segscope.inference import TrainedModel
from segscope.inference.predict import count_passes, predict_prepared
from segscope.metrics import evaluate_case
from segscope.training import PreparedCase, plan_recipe
from segscope.training.measure import choose_part, part_dice
from segscope.training.patches import foreground_voxels
from segscope.training.setup import model_spec
from tests.synthetic import ball, fingerprint_3d


class Bright(nn.Module):
    """Finds what is brighter than a half, without learning; counts what it is shown."""

    multiple = (1, 1, 1)
    fixed, pads_after = None, False

    def __init__(self, classes=3):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.classes = classes
        self.seen = []

    def padded(self, sides):
        return tuple(sides)

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        marks = [torch.zeros_like(x), *(10 * (x > k - 0.5) * k for k in range(1, self.classes))]
        return torch.cat(marks, 1)


def case(name, shape, *, radius=0.3, shift=0):
    label = ball(shape, [n // 2 for n in shape], min(shape) * radius).astype(np.uint8)
    label[ball(shape, [n // 2 for n in shape], min(shape) * radius / 2)] = 2
    image = np.roll(label, shift, 0).astype(np.float32)[None]
    return PreparedCase(name, image, label, foreground_voxels(label))


def settled(shape, *, dims=3, **train):
    """A model and a recipe for volumes of a shape."""
    fingerprint = fingerprint_3d(shape)
    settings = {"preprocessing": {"spatial_dims": dims}, "patch": [16] * dims,
                "network": {"widths": [4, 8]},
                "train": {"steps_per_epoch": 10, "batch_size": 2, **train}}  # fmt: skip
    recipe = plan_recipe(fingerprint, None, settings)

    dataset = SimpleNamespace(
        labels=dict(fingerprint.labels), channel_names=("MR",), file_ending=".nii.gz"
    )
    return TrainedModel(model_spec(recipe, dataset), Bright()), recipe


def test_all_cases_are_measured_where_they_cost_little():
    model, recipe = settled((16, 16, 16))
    part = choose_part(model, [case(f"c{k}", (16, 16, 16)) for k in range(4)], recipe)
    assert (part.said, part.passes) == ("all 4 validation cases, whole", 4)


def test_a_pass_is_made_for_every_five_samples():
    model, recipe = settled((16, 16, 16))  # 20 samples
    cases = [case(f"c{k}", (16, 16, 16), radius=0.1 + 0.03 * k) for k in range(10)]
    part = choose_part(model, cases, recipe)
    assert (part.said, part.passes) == ("4 of 10 validation cases, whole", 4)
    chosen = [image for group in part.groups() for image, _ in group]
    assert all(a is cases[k].image for a, k in zip(chosen, (0, 3, 6, 9), strict=True))
    part_dice(model, part)
    assert len(model.net.seen) == 4


def test_large_cases_are_measured_by_patches_of_all_of_them():
    model, recipe = settled((40, 40, 40))
    cases = [case(f"c{k}", (40, 40, 40)) for k in range(3)]
    part = choose_part(model, cases, recipe)
    assert (part.said, part.passes) == ("4 patches of 3 validation cases", 4)
    assert part_dice(model, part)["dice"] == 1.0
    assert model.net.seen == [(1, 1, 16, 16, 16)] * 4
    [first], [second] = ([list(group) for group in part.groups()] for _ in range(2))
    for (image, label), (again, same) in zip(first, second, strict=True):
        np.testing.assert_array_equal(image, again)
        np.testing.assert_array_equal(label, same)


def test_rarer_validation_measures_more():
    model, recipe = settled((40, 40, 40), validate_every=14)
    cases = [case(f"c{k}", (40, 40, 40)) for k in range(2)]
    part = choose_part(model, cases, recipe)
    assert (part.said, part.passes) == ("all 2 validation cases, whole", 54)
    part_dice(model, part)
    assert len(model.net.seen) == 54  # three by three by three windows each, without overlap


def test_slices_of_volumes_are_patches_too():
    model, recipe = settled((40, 40, 12), dims=2)
    cases = [case(f"c{k}", (40, 40, 12)) for k in range(3)]
    part = choose_part(model, cases, recipe)
    assert part.said == "4 patches of 3 validation cases"
    assert part_dice(model, part)["dice"] == 1.0
    assert model.net.seen == [(1, 1, 16, 16)] * 4


def test_dice_of_whole_cases_is_that_of_the_metrics():
    model, recipe = settled((16, 16, 16))
    cases = [case("a", (16, 16, 16), shift=2), case("b", (14, 16, 16), shift=1),
             case("none", (16, 16, 16), radius=0)]  # fmt: skip
    cases[2].label[:] = 0
    empty = PreparedCase("none", np.zeros((1, 16, 16, 16), np.float32), cases[2].label, {})
    found = part_dice(model, choose_part(model, [*cases[:2], empty], recipe))
    labels = {"ball": 1, "core": 2}
    expected = [
        evaluate_case(c.image[0].round().astype(np.uint8), c.label, (1, 1, 1), labels).to_dict()
        for c in cases[:2]
    ]
    for name in labels:
        mean = np.mean([scores[name]["dice"] for scores in expected])
        assert found[f"dice_{name}"] == pytest.approx(mean, abs=1e-12)
    assert found["dice"] == pytest.approx((found["dice_ball"] + found["dice_core"]) / 2, abs=1e-12)


def test_dice_of_nothing_is_no_number():
    model, recipe = settled((16, 16, 16))
    empty = PreparedCase(
        "none", np.zeros((1, 16, 16, 16), np.float32), np.zeros((16, 16, 16), np.uint8), {}
    )
    assert np.isnan(part_dice(model, choose_part(model, [empty], recipe))["dice"])


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("shape", [(16, 16, 16), (40, 16, 16), (33, 40, 20)])
def test_passes_are_counted_as_prediction_makes_them(shape, overlap):
    model, _ = settled(shape)
    predict_prepared(model, np.zeros((1, *shape), np.float32), overlap=overlap)
    assert count_passes(model, shape, overlap=overlap) == len(model.net.seen)


def test_a_pass_that_is_larger_than_a_patch_counts_for_more():
    model, _ = settled((16, 16, 16))
    assert count_passes(model, (20, 16, 16)) == 1.25
    planes, _ = settled((40, 40, 12), dims=2)
    assert count_passes(planes, (16, 20, 12)) == 12 * 1.25
