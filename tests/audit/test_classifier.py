"""What layers of a classifier could segment, case by case."""

import pytest
import torch

from segscope.audit.classifier import audit_classifier
from segscope.explain import layer_ability
from segscope.features import FeatureHooks
from segscope.inference.classify import (
    ClassifierModel,
    ClassifierSpec,
    build_classifier,
    prepare_image,
)
from tests.training.test_classify import write_classes

SPEC = ClassifierSpec(
    network="test_resnet", classes=("normal", "abnormal"), channel_names=("grey",),
    size=(40, 36), mean=(100.0,), sd=(50.0,),
)  # fmt: skip


@pytest.fixture
def cases(tmp_path):
    dataset = write_classes(tmp_path / "data", subjects=4, each=1)
    return [case for case in dataset.training if case.name in ("s01_0", "s03_0")]


def test_each_case_has_the_score_of_its_own_map_of_each_layer(cases):
    net = build_classifier(SPEC, seed=1).eval()
    found = audit_classifier(ClassifierModel(SPEC, net), cases, seed=2)
    assert (found[0].depth, found[-1].depth) == (0, 1)
    row = found[len(found) // 2]
    mask = torch.zeros(1, 1, 40, 36, dtype=torch.long)
    mask[..., 12:28, 10:26] = 1  # as write_classes draws it
    for case in cases:
        with torch.no_grad(), FeatureHooks(net, [row.layer]) as hooks:
            net(prepare_image(ClassifierModel(SPEC, net), case)[None])
            features = hooks.features[row.layer].float()
        assert features.shape[1:] == (row.channels, *row.sides)
        alone = layer_ability(features, mask.to(features), mask).dice.item()
        assert row.ability[case.name] == pytest.approx(alone, abs=1e-6)


def test_weights_of_the_same_seed_are_what_is_compared_with(cases):
    net = build_classifier(SPEC, seed=1).eval()
    same = audit_classifier(ClassifierModel(SPEC, net), cases[:1], seed=1)
    assert all(row.ability == row.untrained for row in same)
    other = audit_classifier(ClassifierModel(SPEC, net), cases[:1], seed=2)
    assert any(row.ability != row.untrained for row in other)
