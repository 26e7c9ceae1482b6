"""Which of the mask study's trials are pictured and checked."""

from segscope.experiments import Arm, Draw, Experiment, Outcome, Trial
from segscope.studies import gbm_measures
from segscope.studies.gbm_measures import method_of, pictured_trials, read_modalities, shown_size

SIZES = (1, 3, 6)


def outcome(method="network"):
    draws = [
        Draw(name=f"n{n}_seed{seed}", seed=seed, train=tuple("abcdef"[:n]), val=("v",),
             test=("t",), size=n)
        for seed in (0, 1) for n in SIZES
    ]  # fmt: skip
    options = {"mask": {"method": method}}
    step = Arm(name="masks", kind="work", work="segscope.studies.gbm_masks:make_all",
               options=options)  # fmt: skip
    masks = Trial(step, draws[0], None, "d", "c")
    shown = {"image": ("image", ()), "gbm (m)": ("gbm", (masks,)), "gbm (labels)": ("gbm", ()),
             "both (m)": ("image+gbm", (masks,))}  # fmt: skip
    arms = {name: Arm(name=name) for name in shown}
    trials = [
        Trial(arm, draw, {"inputs": shown[name][0]}, "d", "c", shown[name][1])
        for draw in draws for name, arm in arms.items()
    ]  # fmt: skip
    asked = Experiment(dataset="d", content="c", arms=tuple(arms.values()), draws=tuple(draws),
                       reference="image")  # fmt: skip
    return Outcome(asked, (), {}, (), tuple(trials), (masks,))


def named(trials):
    return [f"{trial.arm.name} {trial.draw.name}" for trial in trials]


def test_the_size_next_to_the_papers_is_pictured_without_the_upper_bound():
    found = outcome()
    assert shown_size(found) == 3
    first = ["image n3_seed0", "gbm (m) n3_seed0", "both (m) n3_seed0"]
    assert named(pictured_trials(found)) == first
    assert named(pictured_trials(found, twice=True)) == [*first, "image n6_seed0"]


def test_other_intensities_are_tried_with_the_largest_network_of_the_mask_alone(tmp_path):
    assert named(gbm_measures._checked(outcome())) == ["gbm (m) n6_seed0"]
    assert method_of(outcome("file")) == "file"
    assert gbm_measures._checked(outcome("file")) == []  # such masks do not come from images
    assert read_modalities(outcome(), tmp_path) == []


def test_a_layers_maps_have_a_place_of_their_own():
    names = {gbm_measures._features_name(layer) for layer in (None, "up.0", "up/0", "../up")}
    assert names == {"features", "features_up.0", "features_up_0", "features_.._up"}
