"""Controls of segmentation ability: by audits of their own, and against the wrong truth."""

from dataclasses import replace

import pytest
import torch

from segscope.audit import audit
from segscope.audit.controls import CONTROLS, control_scores, fitted_truth
from segscope.audit.summary import layers_of
from segscope.data import open_dataset
from segscope.features import segmentation_ability_map
from segscope.training.setup import make_network
from tests.audit.untrained import untrained
from tests.synthetic import write_plane_dataset


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planes") / "data"
    dataset = open_dataset(write_plane_dataset(folder, cases=3, shape=(32, 32)))
    small = {"preprocessing": {"resize": [32, 32]}, "patch": [32, 32]}
    return dataset, untrained(dataset, **small)


def test_each_control_is_an_audit_with_one_thing_exchanged(seen):
    dataset, model = seen
    found = control_scores(model, dataset.training, dataset, seed=5)
    assert [(one.control, one.case) for one in found] == [
        (control, f"p{k}") for control in CONTROLS for k in range(3)
    ]
    fresh = replace(model, net=make_network(model.spec, 5).eval())
    expected = [layers_of(case) for case in audit(fresh, dataset.training, units="none").cases]
    for one, abilities in zip(found[:3], expected, strict=True):
        assert one.abilities == pytest.approx(abilities)
    # the second case against the third's truth, by a dataset in which it has that one
    swapped = replace(dataset.training[1], label_file=dataset.training[2].label_file)
    (case,) = audit(model, [swapped], units="none").cases
    assert found[4].abilities == pytest.approx(layers_of(case))
    (own,) = audit(model, [dataset.training[1]], units="none").cases
    assert found[4].abilities != pytest.approx(layers_of(own))


def test_the_other_truth_is_of_another_subject_or_there_is_none(seen):
    dataset, model = seen
    first, second, third = dataset.training
    cases = [replace(first, subject="a"), replace(second, subject="a"), replace(third, subject="b")]
    found = control_scores(model, cases, dataset, seed=0)
    by_name = {one.case: one for one in found if one.control == "other truth"}
    swapped = replace(first, label_file=third.label_file)
    (case,) = audit(model, [swapped], units="none").cases
    assert by_name["p0"].abilities == pytest.approx(layers_of(case))
    alone = control_scores(model, cases[:2], dataset, seed=0)
    assert {one.control for one in alone} == {"untrained"}


def test_a_truth_of_other_sides_keeps_its_middle():
    truth = torch.tensor([[[0, 1], [2, 3]]])
    assert fitted_truth(truth, (4, 2)).tolist() == [[[0, 0], [0, 1], [2, 3], [0, 0]]]
    assert fitted_truth(truth, (1, 2)).tolist() == [[[0, 1]]]


def test_a_guide_that_says_nothing_parts_nothing():
    """Both prototypes are the mean of all voxels: every voxel is as near to one as to the other."""
    features = torch.randn(2, 5, 8, 8)
    for value in (0.1, 0.5, 0.9):
        found = segmentation_ability_map(features, torch.full((2, 1, 8, 8), value))
        torch.testing.assert_close(found, torch.full_like(found, 0.5), atol=1e-4, rtol=0)
