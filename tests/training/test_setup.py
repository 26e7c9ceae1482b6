"""From a recipe to the loss and the precision of a training."""

import json
import math

import pytest
import torch

from segscope.data import measure_fingerprint, open_dataset
from segscope.errors import InputError
from segscope.networks import UNet
from segscope.training import load_partial, plan_recipe, train_dataset
from segscope.training.recipe import LossRecipe, TrainRecipe, read_recipe, recipe_to_yaml
from segscope.training.setup import _check_soft_labels, choose_precision, make_objective
from tests.synthetic import fingerprint_2d, fingerprint_3d, write_plane_dataset

NET = UNet(2, 1, 1, widths=(4, 6))


def planned(**loss):
    return plan_recipe(fingerprint_2d(), None, {"loss": loss})


def loss_of(**loss):
    return make_objective(planned(**loss), NET, torch.device("cpu")).loss


def test_soft_labels_by_hand():
    z = torch.logit(torch.tensor([[[[0.5, 0.8]]]]))
    y = torch.tensor([[[[0, 1]]]])
    found = loss_of(name="cross_entropy", soft_labels=0.1)([z], y)
    half, sure = -math.log(0.5), -(0.9 * math.log(0.8) + 0.1 * math.log(0.2))
    assert found.item() == pytest.approx((half + sure) / 2)
    # 1 - (2 (.5 x .1 + .8 x .9) + 1) / (.25 + .64 + .01 + .81 + 1)
    found = loss_of(name="dice", options={"squared": True}, soft_labels=0.1)([z], y)
    assert found.item() == pytest.approx(1 - 2.54 / 2.71)


def test_soft_labels_reach_the_losses_that_are_added():
    z, y = torch.tensor([[[[0.3, -1.0]]]]), torch.tensor([[[[0, 1]]]])
    parts = [loss_of(name=name, soft_labels=0.2)([z], y) for name in ("cross_entropy", "tversky")]
    both = loss_of(name="cross_entropy", plus={"tversky": 0.5}, soft_labels=0.2)([z], y)
    assert both.item() == pytest.approx((parts[0] + 0.5 * parts[1]).item())


@pytest.mark.parametrize("loss", [{"name": "content"}, {"name": "dice", "plus": {"content": 1.0}}])
def test_the_content_loss_keeps_its_own_option(loss):
    with pytest.raises(InputError, match=r"soft_labels: is 0\.1 .* set loss\.options\.soft_labels"):
        loss_of(**loss, soft_labels=0.1)


def test_losses_of_packages_are_promised_whole_labels():
    with pytest.raises(InputError, match="their_loss is one; leave it out"):
        _check_soft_labels(LossRecipe(name="dice", plus={"their_loss": 1.0}, soft_labels=0.1))


@pytest.mark.parametrize("wrong", [-0.1, 0.5])
def test_soft_labels_out_of_their_range_are_refused(wrong):
    with pytest.raises(InputError, match="soft_labels"):
        planned(soft_labels=wrong)


def test_recipes_from_before_the_key_stay_whole(tmp_path):
    for amount, written in ((0.0, False), (0.1, True)):
        recipe = planned(soft_labels=amount)
        text = recipe_to_yaml(recipe)
        assert ("soft_labels" in text) == written
        (tmp_path / "recipe.yaml").write_text(text)
        assert read_recipe(tmp_path / "recipe.yaml") == recipe


@pytest.mark.parametrize(("preset", "share"), [("siamese", 1.0), ("protoseg", 0.0), ("gbm", 0.0)])
def test_presets_of_papers_change_samples_as_the_papers_do(preset, share):
    """Rotations of every sample by up to 30 degrees for the content loss; none for the others."""
    fingerprint = fingerprint_3d() if preset == "gbm" else fingerprint_2d()
    plan = plan_recipe(fingerprint, load_partial(preset)).augment
    assert plan.geometry_share == share
    assert plan.mirror_axes == ()
    assert {value for key, value in plan if key.endswith("_share")} <= {0.0, share}
    if share:
        assert (plan.rotation_degrees, plan.scale) == (30.0, (1.0, 1.0))


def settings(**more):
    return TrainRecipe(epochs=1, steps_per_epoch=1, batch_size=1, **more)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_processor_is_trained_in_float32_unasked(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert choose_precision(settings(device=device)) == "32-true"


@pytest.mark.parametrize(
    ("device", "has", "expected"),
    [("cuda:1", True, "bf16-mixed"), ("auto", False, "32-true"), ("cpu", True, "32-true")],
)
def test_a_card_is_trained_in_bfloat16_where_it_has_it(monkeypatch, device, has, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has)
    assert choose_precision(settings(device=device)) == expected


@pytest.mark.parametrize("asked", ["auto", "bf16-mixed"])
def test_a_run_says_in_what_it_was_trained(tmp_path, asked):
    dataset = open_dataset(write_plane_dataset(tmp_path / "data", cases=4, shape=(16, 16)))
    fingerprint = measure_fingerprint(dataset)
    changes = {
        "network": {"widths": [2, 4]},
        "train": {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "device": "cpu",
                  "precision": asked},
    }  # fmt: skip
    recipe = plan_recipe(fingerprint, None, changes)
    train_dataset(dataset, fingerprint, recipe, tmp_path / "run", folds=2)
    facts = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert facts["precision"] == ("32-true" if asked == "auto" else asked)
