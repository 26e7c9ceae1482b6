"""The learning curves of image, mask and both: small but whole, resumable, by processes or Ray."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import open_dataset
from segscope.errors import InputError, WorkError
from segscope.inference import load_model
from segscope.jobs import run_jobs
from segscope.studies.feature_maps import feature_maps
from segscope.studies.gbm import INPUTS, converged, deal, mean_known
from segscope.studies.gbm_page import spread
from segscope.studies.gbm_paper import BRAIN_DICE, HEART_DICE, mean_dice
from tests.synthetic import write_volume_dataset

TINY = ["network.widths=[4,6]", "train.epochs=2", "train.steps_per_epoch=2"]


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return ended.value.code, said.out, " ".join(said.err.split())


def study(capsys, data, out, *words):
    sets = [word for setting in TINY for word in ("--set", setting)]
    few = ["--test-subjects", "2", "--val-subjects", "1", "--coarse-subjects", "1"]
    return call(capsys, "study", "gbm", data, "-o", out, "--seeds", "1", *few, *sets, *words)


def test_every_size_and_input_is_trained_scored_and_shown(capsys, tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=7, shape=(16, 20, 16))
    out = tmp_path / "s"
    code, said, err = study(capsys, data, out, "--sizes", "1,2", "--jobs", "2")
    assert code == 0, err
    assert "image+gbm (network)" in said
    facts = json.loads((out / "study.json").read_text())
    names = {(r["job"]["size"], r["job"]["inputs"], r["job"]["masks"]) for r in facts["results"]}
    assert len(names) == len(facts["results"]) == 2 * (1 + 2 * 2)
    roles = {part: set(names) for part, names in facts["roles"].items()}
    assert sum(len(part) for part in roles.values()) == len(set.union(*roles.values())) == 7
    subsets = {r["job"]["size"]: set(r["job"]["train"]) for r in facts["results"]}
    assert subsets[1] < subsets[2] <= roles["pool"]
    for result in facts["results"]:
        assert len(result["dice"]["ball"]) == len(result["centre_mm"]["core"]) == 2
        assert len(result["curve"]) == 2
    text = (out / "report.html").read_text()
    for words in ("Tables 1 and 2", "Tables 3 and 4", "Tables 5 and 6", "Feature maps",
                  "Other intensities", "same bits for the same mask: yes"):  # fmt: skip
        assert words in text
    for picture in ("learning", "contours", "features"):
        assert (out / f"{picture}.png").stat().st_size > 5000
    assert (out / "results.csv").read_text().count("\n") == 1 + 2 * len(facts["results"])
    # what is there is taken as it is; more sizes are added to it
    before = {f: f.stat().st_mtime_ns for f in out.glob("runs/*/result.json")}
    assert study(capsys, data, out, "--sizes", "1,2,3")[0] == 0
    assert {f: f.stat().st_mtime_ns for f in before} == before
    code, _, err = study(capsys, data, out, "--sizes", "1,2", "--set", "train.learning_rate=0.1")
    assert code == 2
    assert "of a study with other options" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sizes", "1,x"], "expected numbers such as"),
        (["--sizes", "9"], "between 1 and the number of subjects (2)"),
        (["--test-subjects", "6"], "7 subjects are too few"),
        (["--budget", "x"], "minutes, hours, paper"),
        (["--mask", "closing_mm=3"], "name a method"),
    ],
)
def test_bad_input_is_said_before_any_training(capsys, tmp_path, words, said):
    data = write_volume_dataset(tmp_path / "data", cases=7 if "--sizes" not in words else 6)
    code, _, err = study(capsys, data, tmp_path / "s", *words)
    assert code == 2
    assert said in err
    assert not list(tmp_path.glob("s/runs/*"))


def test_threshold_masks_share_a_template_that_is_never_tested(capsys, tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=6, shape=(16, 20, 16))
    code, _, err = study(
        capsys, data, tmp_path / "s", "--sizes", "1", "--mask", "method=threshold",
        "--no-upper-bound",
    )  # fmt: skip
    assert code == 0, err
    recipe = json.loads(
        (tmp_path / "s" / "runs" / "n01_gbm_threshold_seed0" / "job.json").read_text()
    )
    template = recipe["recipe"]["mask"]["template"]
    name = template.rpartition("/")[2].removesuffix("_0000.nii.gz")
    assert name not in recipe["test"]
    facts = json.loads((tmp_path / "s" / "study.json").read_text())
    assert [r["job"]["inputs"] for r in facts["results"]] == list(INPUTS)


def test_roles_never_share_a_subject():
    from segscope.images import Case

    cases = [Case(f"{s}{k}", (), subject=s) for s in "abcdefghij" for k in (1, 2)]
    roles = deal(cases, 3, 2, 2)
    parts = [
        {name[0] for name in part} for part in (roles.test, roles.val, roles.coarse, roles.pool)
    ]
    assert [len(part) for part in parts] == [3, 2, 2, 3]
    assert len(set.union(*parts)) == 10
    assert deal(cases, 3, 2, 0).coarse == ()
    with pytest.raises(InputError, match="too few"):
        deal(cases, 5, 3, 2)


def test_convergence_by_hand():
    assert converged([1.0, 0.5, 0.2, 0.3, 0.195]) == 3
    assert converged([0.2, 0.3]) == 1
    assert converged([math.nan, 0.4, 0.1]) == 3
    assert converged([math.nan, math.nan]) == 2
    assert converged([0.5, 0.4], tolerance=0.1) == 1


def test_means_count_what_is_undefined():
    assert mean_known([1.0, math.nan, 0.0]) == 0.5
    assert math.isnan(mean_known([]))
    assert spread([math.inf]) == "1 undefined"


def test_the_papers_tables_agree_with_its_text():
    heart, brain = mean_dice(HEART_DICE), mean_dice(BRAIN_DICE)
    # section 3.1.3 and 3.2.2: means over structures as printed there
    for size, printed in ((1, 0.67), (2, 0.73), (4, 0.83), (8, 0.85), (12, 0.85)):
        assert heart[size][1] == pytest.approx(printed, abs=0.011)
    for size, printed in ((1, 0.40), (2, 0.56), (4, 0.67), (8, 0.73), (16, 0.75), (26, 0.77)):
        assert brain[size][1] == pytest.approx(printed, abs=0.011)
    for size, printed in ((1, 0.56), (2, 0.68), (4, 0.75), (8, 0.81), (16, 0.82)):
        assert brain[size][2] == pytest.approx(printed, abs=0.011)


def test_feature_maps_are_the_layers_own(tmp_path, capsys):
    import torch

    data = write_volume_dataset(tmp_path / "data", cases=3, shape=(16, 20, 16))
    sets = [word for setting in TINY for word in ("--set", setting)]
    assert call(capsys, "train", data, "-o", tmp_path / "run", "--folds", "3", *sets)[0] == 0
    model, case = load_model(tmp_path / "run"), open_dataset(data).training[0]
    found = feature_maps(model, case)
    assert found.maps.shape == (4, *found.truth.shape)
    seen = {}
    layer = dict(model.net.named_modules())[found.layer]
    hook = layer.register_forward_hook(lambda _, __, out: seen.update(out=out))
    from segscope.data import load_of

    prepared = model.spec.plan.apply(load_of(open_dataset(data), case).image)
    with torch.inference_mode():
        model.net(torch.from_numpy(prepared.array.copy())[None])
    hook.remove()
    best = int((model.spec.plan.apply_label(load_of(open_dataset(data), case).label, prepared) > 0)
               .sum((0, 1)).argmax())  # fmt: skip
    expected = np.rot90(seen["out"][0].numpy()[..., best], axes=(-2, -1))
    np.testing.assert_allclose(found.maps, expected, atol=1e-5)
    with pytest.raises(InputError, match="--layer"):
        feature_maps(model, case, layer="nothing")


def note(folder, name):
    """Work for the tests below: it writes, or fails."""
    if name == "bad":
        raise WorkError("as it should")
    (Path(folder) / name).write_text("done")


@pytest.mark.parametrize(
    "how", [{"jobs": 2}, pytest.param({"jobs": 2, "ray": True}, marks=pytest.mark.slow)]
)
def test_one_failure_leaves_the_others_alone(tmp_path, how):
    if "ray" in how:
        pytest.importorskip("ray")
    items = [(str(tmp_path), name) for name in ("a", "bad", "b")]
    with pytest.raises(WorkError, match=r"1 of 3 pieces of work failed:\n  bad: .*as it should"):
        run_jobs(note, items, **how)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b"]


def test_jobs_are_checked():
    with pytest.raises(InputError, match="--jobs 0"):
        run_jobs(note, [], jobs=0)
