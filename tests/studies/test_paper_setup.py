"""The paper beside a run: every line by hand, and what papers' own budgets still differ in."""

from types import SimpleNamespace

import pytest

from segscope.experiments import Arm, Draw, Trial
from segscope.studies import anunet, gbm, protoseg, siamese
from segscope.studies.declared import Asked, arm_of, read_setup
from segscope.studies.paper_setup import classifier_of, setup_row, setup_section
from segscope.training import plan_recipe
from segscope.training.classify_recipe import classify_recipe
from tests.synthetic import fingerprint_3d

DRAW = Draw(name="seed0_fold0", seed=0, train=("a", "b", "c"), val=("d",), test=("e", "f"))
ONE_LABEL = fingerprint_3d(labels={"background": 0, "lesion": 1}, label_voxels={0: 9, 1: 1})


def trial(name, recipe):
    return Trial(Arm(name=name), DRAW, recipe, "data", "content")


def row(entry, **recipes):
    return setup_row(entry, {name: trial(name, recipe) for name, recipe in recipes.items()})


def test_a_line_says_both_and_marks_what_deviates():
    rate = {"what": "rate", "keys": ["train.rate"], "paper": 1.0e-3}
    assert row(rate, dice={"train": {"rate": 0.001}}) == ["rate", "0.001", "0.001", ""]
    assert row(rate, dice={"train": {"rate": 0.002}}) == ["rate", "0.001", "0.002", "deviates"]
    sides = {"what": "sides", "keys": ["resize"], "paper": [224, 224]}
    assert row(sides, dice={"resize": [96, 96]}) == ["sides", "224, 224", "96, 96", "deviates"]
    assert row(sides, dice={"resize": None})[2:] == ["none", "deviates"]


def test_arms_that_differ_are_named():
    soft = {"what": "soft", "keys": ["loss.soft", "loss.options.soft"], "paper": 0.1, "absent": 0.0}
    found = row(
        soft, a={"loss": {"soft": 0.1}}, b={"loss": {"options": {"soft": 0.1}}}, c={"loss": {}}
    )
    assert found == ["soft", "0.1", "a, b: 0.1; c: 0", "deviates"]


def test_what_the_paper_does_not_name_is_not_compared():
    assert row({"what": "epochs", "keys": ["n"]}, a={"n": 5}) == ["epochs", "not named", "5", ""]


def test_the_split_is_counted_and_lists_are_reached_into():
    split = {"what": "split", "keys": ["split"], "paper": [48, 6, 6]}
    assert row(split, a={})[1:] == ["48, 6, 6", "3, 1, 2", "deviates"]
    scheme = {"what": "scheme", "keys": ["channels.0.scheme"], "paper": "maximum"}
    assert row(scheme, a={"channels": [{"scheme": "maximum"}]})[2:] == ["maximum", ""]


def test_true_is_not_one():
    squared = {"what": "squared", "keys": ["squared"], "paper": True}
    assert row(squared, a={"squared": True})[2:] == ["yes", ""]
    assert row(squared, a={"squared": 1})[2:] == ["1", "deviates"]


def deviations(name, arms):
    """What a study at its paper budget differs in, of volumes with one label."""
    trials = [
        trial(arm.name, plan_recipe(ONE_LABEL, arm.recipe).model_dump(mode="json")) for arm in arms
    ]
    (section,) = setup_section(name, SimpleNamespace(trials=trials))
    (table,) = section.tables
    assert len(table.rows) == len(read_setup(name))
    return {line[0] for line in table.rows if line[-1]}


PAPER = Asked(budget="paper")


def of_siamese(asked):
    return [
        arm_of(name, siamese._preset(name, "imagenet"), siamese.BUDGETS, asked)
        for name in siamese.LOSSES
    ]


def test_the_content_loss_study_at_the_papers_budget_differs_in_what_is_said():
    assert deviations("siamese", of_siamese(PAPER)) == {
        "share of samples centred on an object", "training, validation, test cases",
    }  # fmt: skip
    fewer = deviations("siamese", of_siamese(Asked()))
    assert {"epochs", "batches of an epoch", "sides of slices"} < fewer
    assert "soft labels" not in fewer


def test_an_arm_without_the_papers_labels_is_marked():
    arms = of_siamese(PAPER)
    hard = arms[0].model_copy(
        update={"recipe": {**arms[0].recipe, "loss": siamese.ABLATIONS["dice_hard_labels"]}}
    )
    assert "soft labels" in deviations("siamese", [hard, *arms[1:]])


def test_the_layer_study_at_the_papers_budget_differs_in_what_is_said():
    arms = [protoseg._arm(name, PAPER) for name in protoseg.ARMS]
    assert deviations("protoseg", arms) == {
        "resampled to, mm", "share of samples centred on an object", "gradients clipped at",
    }  # fmt: skip


def test_the_network_study_at_the_papers_budget_differs_in_what_is_said():
    arms = [anunet._arm(name, PAPER) for name in anunet.NETWORKS]
    assert deviations("anunet", arms) == {"form of the hybrid loss (as printed: paper)"}


@pytest.mark.parametrize(
    ("budget", "frame", "differs"),
    [
        ("paper", "template", set()),
        ("paper", "own", {"frame of image and mask (the head's)"}),
        ("minutes", "template", {"frame of image and mask (the head's)"}),
    ],
    ids=["the paper's", "own frame", "minutes"],
)
def test_the_mask_study_differs_in_what_is_said(budget, frame, differs):
    mask = {"method": "threshold", "frame": frame}
    data = SimpleNamespace(file_ending=".nii.gz")
    arms = gbm._arms(data, gbm.Options(mask=mask), Asked(budget=budget))
    found = deviations("gbm", [arm for arm in arms if arm.kind == "train"])
    assert (found == differs) if budget == "paper" else (found - differs)


def test_a_trial_without_a_recipe_is_laid_beside_what_decides_it():
    def made(name, options):
        return Trial(
            Arm(name=name, kind="work", work="segscope.studies.cam_job:do", options=options),
            DRAW,
            None,
            "d",
            "c",
        )

    recipe = classify_recipe({"network": "xception", "epochs": 200}).model_dump(mode="json")
    of_unet = {"recipe": {"network": {"name": "unet"}}}
    outcome = SimpleNamespace(
        trials=[made("true masks", of_unet)], steps=[made("xception", {"recipe": recipe})]
    )
    (section,) = setup_section("cam", outcome, recipe_of=classifier_of)
    (table,) = section.tables
    assert [line[0] for line in table.rows] == [one["what"] for one in read_setup("cam")]
    assert ["networks", "not named", "xception", ""] in table.rows
    assert {line[0] for line in table.rows if line[-1]} == {"training, validation, test regions"}
    assert section.paragraphs[0].startswith("By the trials' recipes. 1 of 10 differ")
