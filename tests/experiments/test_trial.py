"""A trial is named by all that decides it."""

from segscope.experiments import Arm, Draw, Experiment, Trial, parse_arm
from segscope.experiments.trial import make_trial
from tests.packages import installed

DRAW = Draw(name="d", seed=0, train=("a",), val=("b",), test=("c",))


def trial(recipe):
    return Trial(parse_arm("unet"), DRAW, recipe, "data", "content")


def test_weights_of_another_content_are_another_trial(tmp_path):
    file = tmp_path / "vgg.safetensors"
    recipe = {"loss": {"options": {"weights": str(file)}}, "patch": [8, 8]}
    absent = trial(recipe).key
    file.write_bytes(b"one")
    one = trial(recipe).key
    file.write_bytes(b"two")
    two = trial(recipe).key
    file.write_bytes(b"one")
    assert len({absent, one, two}) == 3
    assert trial(recipe).key == one


def test_a_packages_metric_is_part_of_what_is_scored_and_of_no_other_work(tmp_path):
    scored = parse_arm("unet")
    other = Arm(name="other", kind="work", work="segscope.studies.gbm_masks:make")
    code = "from segscope.metrics import Metric\nLIGHT = Metric(None.__eq__, False, 7.0)"

    def facts(arm, *metrics):
        made = Experiment(dataset="data", content="content", arms=(scored, other), draws=(DRAW,),
                          reference="unet", metrics=("dice", *metrics))  # fmt: skip
        return make_trial(made, arm, DRAW, None).facts()

    with installed(tmp_path, "light-things", code, {"segscope.metrics:light": "LIGHT"}):
        with_light, work = facts(scored, "light"), facts(other, "light")
    assert with_light == {**facts(scored), "metrics": {"light": "light-things==1.2"}}
    assert "metrics" not in facts(scored)
    assert work == facts(other)
