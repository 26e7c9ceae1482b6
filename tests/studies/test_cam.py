"""The study of classifiers' maps, small but whole."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.cli.main import main
from segscope.data import open_dataset
from segscope.errors import InputError
from segscope.experiments import collect, plan_experiment, read_experiment
from segscope.studies.cam import run_study
from segscope.studies.cam_outcome import read_classifiers
from segscope.studies.cam_regions import regions_again
from segscope.studies.declared import Asked

SMALL = ["--set", "size=[32,32]", "--set", "epochs=2"]
for value in ("network.widths=[4,6]", "patch=[16,16]", "train.epochs=1", "train.steps_per_epoch=2"):
    SMALL += ["--unet", value]


def call(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def read(folder):
    return json.loads((folder / "study.json").read_text())


def classifiers_of(folder, data):
    """What the study found."""
    rois = regions_again(open_dataset(data), folder)
    planned = plan_experiment(read_experiment(folder), rois, folder)
    outcome = collect(folder, planned.experiment, planned.trials, planned.steps)
    return read_classifiers(outcome, rois, folder)


def made(folder):
    """Times of everything in the trials' folders but their locks."""
    files = (f for f in (folder / "trials").rglob("*") if f.is_file() and f.name != "lock")
    return {f: f.stat().st_mtime_ns for f in files}


def write_lesions(folder, images=20):
    """Bright boxes in every other image of noise; every image is a subject."""
    rng = np.random.default_rng(0)
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for k in range(images):
        mask = np.zeros((64, 64), np.uint8)
        if k % 2:
            mask[20:44, 18:46] = 1
        image = np.clip(rng.normal(90, 12, mask.shape) + 100 * mask, 0, 255).astype(np.uint8)
        PillowImage.fromarray(image).save(folder / "imagesTr" / f"c{k:02d}_0000.png")
        PillowImage.fromarray(mask).save(folder / "labelsTr" / f"c{k:02d}.png")
    facts = {"channel_names": {"0": "grey"}, "labels": {"background": 0, "lesion": 1},
             "numTraining": images, "file_ending": ".png"}  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cam")
    words = ["study", "cam", write_lesions(folder / "data"), "-o", folder / "s"]
    words += ["--networks", "test_resnet", "--folds", "2", *SMALL]
    assert call(*words) == 0
    return folder / "s", words


def test_every_region_is_tested_once_by_what_has_not_seen_its_subject(study):
    folder, words = study
    facts = read(folder)
    assert facts["counts"]["abnormal"] == facts["counts"]["normal"] == 10
    tested = [name for draw in facts["draws"] for name in draw["test"]]
    assert len(tested) == len(set(tested)) == 20
    subjects = classifiers_of(folder, words[2]).regions["subjects"]
    for draw in facts["draws"]:
        parts = [{subjects[name] for name in draw[part]} for part in ("train", "val", "test")]
        assert sum(map(len, parts)) == len(set.union(*parts))
    weights = [f.parent for f in (folder / "trials").rglob("weights_last.safetensors")]
    assert {(f.parent.parent.name, f.name) for f in weights} == {
        *(("test_resnet", kind) for kind in ("original", "cam", "truth", "inverse")),
        ("test_resnet_(otsu)", "run"), ("test_resnet_(image-level)", "run"), ("true_masks", "run"),
    }  # fmt: skip
    assert len(weights) == 2 * 7


def test_the_table_is_the_mean_over_subjects_of_the_trials(study):
    folder, _ = study
    found = [
        json.loads(file.read_text())["trained"]["original"]["images"]
        for file in (folder / "trials" / "test_resnet").glob("*/result.json")
    ]
    subjects = {}
    for rows in found:
        for case, row in rows.items():
            # a region's name is its image's, which is its subject, and _1 or _n1
            subjects.setdefault(case.rsplit("_", 1)[0], []).append(row["right"])
    means = [np.mean(values) for values in subjects.values()]
    right = read(folder)["networks"]["test_resnet"]["right"]["original"]
    assert right["mean"] == pytest.approx(np.mean(means))
    assert right["sd"] == pytest.approx(np.std(means, ddof=1))
    assert right["n"] == len(subjects)


def test_every_map_is_scored_and_of_the_layer_that_it_says(study):
    folder, words = study
    classifiers = classifiers_of(folder, words[2])
    scores = classifiers.outcome.rows
    for one in classifiers.of("test_resnet"):
        found = one.found
        tested = {name for name in one.draw.test if name in classifiers.regions["whole"]}
        assert set(found["trained"]) == {"original", "cam", "truth", "inverse"}
        assert len(found["mean_dice"]) == 10
        assert set(found["weak"]) == {"otsu", "image-level"}
        assert all(set(values) == tested for values in found["weak"].values())
        for arm in ("true masks", "test_resnet (otsu)", "test_resnet (image-level)"):
            own = [r for r in scores if (r["arm"], r["draw"]) == (arm, one.draw.name)]
            assert {row["case"] for row in own} == tested
        assert len(found["methods"]) == 8
        assert found["map"] == "gradcam_signed"
        assert all({row["case"] for row in rows} == tested for rows in found["methods"].values())
        depths = [row["depth"] for row in found["layers"]]
        assert (depths[0], depths[-1]) == (0, 1)
        assert depths == sorted(depths)
        assert all(0 <= v <= 1 for row in found["layers"] for v in row["ability"].values())
        sides = {row["layer"]: tuple(row["sides"]) for row in found["layers"]}
        early = found["by_layer"]
        assert [sides[layer] for layer in early] == sorted(set(sides.values()), reverse=True)
        for layer, methods in early.items():
            for method, rows in methods.items():
                file = folder / one.place / "layers" / layer / method / "cam.json"
                facts = json.loads(file.read_text())
                assert (facts["layer"], facts["method"], facts["maps"]) == (layer, method, rows)
        first = early[next(iter(early))]
        assert first["gradcam_signed"] != first["hirescam_signed"]


def test_the_page_shows_all_with_the_answer_first(study):
    folder, _ = study
    page = (folder / "report.html").read_text()
    words = ("What it shows", "Most accurate in the table", "Highest in the table",
             "Differences from true masks", "Where they differ", "Table I,", "Table II",
             "Ways to make", "earlier layers", "Maps as", "true mask as guide", "without a network",
             "Learning curves")  # fmt: skip
    page = page[page.index("<section id=") :]  # after the list of sections
    places = [page.index(word) for word in words]
    assert places == sorted(places)
    for picture in ("maps", "one_classifier", "filtered"):
        assert (folder / f"{picture}.png").stat().st_size > 5000
    shortcuts = read(folder)["shortcuts"]
    assert shortcuts["rows"]["value"] == 0.5  # normal regions are of the same sides
    assert shortcuts["mean grey"]["value"] == 1  # these lesions are bright
    rows = list(csv.DictReader((folder / "classifiers.csv").read_text().splitlines()))
    right = [row for row in rows if row["measure"] == "original right"]
    assert len(right) == 20


def test_a_finished_study_is_taken_as_it_is(study, capsys):
    folder, words = study
    before, facts = made(folder), read(folder)
    assert call(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out) == facts
    assert made(folder) == before


def test_the_page_is_made_again_from_results_pictures_and_regions_alone(study, tmp_path):
    folder, words = study
    keep = ("trial.json", "result.json", "trials.json", "experiment.yaml")
    shown = {"pictures", "predictions", "rois"}
    for file in folder.rglob("*"):
        if file.is_file() and (file.name in keep or shown & set(file.parts)):
            (tmp_path / file.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / file.relative_to(folder))
    moved = [tmp_path if word == folder else word for word in words]
    assert call(*moved, "--page-only") == 0
    assert read(tmp_path) == read(folder)
    pages = [(at / "report.html").read_text() for at in (tmp_path, folder)]
    names = [re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", page) for page in pages]
    assert names[0] == names[1]  # charts have names of their own every time
    other = write_lesions(tmp_path / "other", images=8)
    with pytest.raises(InputError, match="is not the dataset"):
        run_study(open_dataset(other), tmp_path, Asked(page_only=True))


def test_other_settings_are_other_trials(study, monkeypatch):
    folder, words = study
    before, page = made(folder), (folder / "report.html").read_text()
    begun = []
    monkeypatch.setattr(
        "segscope.experiments.engine.run_trials", lambda work, todo, **_: begun.extend(todo)
    )
    asked = Asked(settings={"size": [32, 32], "epochs": 3}, folds=2)
    unet = {"network": {"widths": [4, 6]}, "patch": [16, 16],
            "train": {"epochs": 1, "steps_per_epoch": 2}}  # fmt: skip
    found = run_study(open_dataset(words[2]), folder, asked, networks=["test_resnet"], unet=unet)
    # what was trained otherwise, and what comes after it, is not shown
    assert {row["arm"] for row in found.rows} == {"true masks"}
    assert read(folder)["networks"] == {}
    assert read(folder)["undone"][:2] == ["test_resnet seed0_fold0", "test_resnet seed0_fold1"]
    assert len({place for _, _, place in begun}) == 2  # U-Nets of true masks stay as they are
    recipes = [json.loads((folder / p / "trial.json").read_text())["arm"] for *_, p in begun]
    assert {arm["options"]["recipe"]["epochs"] for arm in recipes} == {3}
    assert before.items() < made(folder).items()
    count = len(begun)
    assert call(*words, "--json") == 0
    assert len(begun) == count
    assert read(folder)["undone"] == []
    assert "epochs=2" in page
    assert "epochs=3" not in (folder / "report.html").read_text()


def test_too_few_images_for_the_folds_are_refused(tmp_path):
    data = open_dataset(write_lesions(tmp_path / "data", images=4))
    with pytest.raises(InputError, match="too few to hold out one in 3"):
        run_study(data, tmp_path / "s", networks=["test_resnet"])


def test_what_cannot_be_asked_is_refused_before_anything_is_cut(tmp_path):
    data = open_dataset(write_lesions(tmp_path / "data", images=4))
    for asked, networks, said in (
        (Asked(budget="x"), ["test_resnet"], "minutes, hours, paper"),
        (Asked(), [], "name one or more"),
        (Asked(), ["xceptoin"], "did you mean"),
        (Asked(page_only=True), ["test_resnet"], "holds no experiment.yaml"),
    ):
        with pytest.raises(InputError, match=said):
            run_study(data, tmp_path / "s", asked, networks=networks)
    assert not (tmp_path / "s").exists()
    (tmp_path / "s" / "runs").mkdir(parents=True)
    with pytest.raises(InputError, match="older version"):
        run_study(data, tmp_path / "s", networks=["test_resnet"])
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "trials.json").write_text("{}")
    with pytest.raises(InputError, match="older version"):
        run_study(data, tmp_path / "t", networks=["test_resnet"])


@pytest.mark.slow
def test_on_real_images_killed_moved_and_taken_up_again(tmp_path, shared_data):
    source = shared_data / "busi_breast_us"
    data = tmp_path / "data"
    for part in ("imagesTr", "labelsTr"):
        (data / part).mkdir(parents=True)
    names = [c.name for c in open_dataset(source).training]
    lesions = [n for n in names if "normal" not in n][:12]
    for name in [*lesions, *[n for n in names if "normal" in n][:12]]:
        for part in ("imagesTr", "labelsTr"):
            for file in (source / part).glob(f"{name}*"):
                shutil.copy(file, data / part / file.name)
    facts = json.loads((source / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps({**facts, "numTraining": 24}))

    def whole_maps(folder):
        files = folder.glob("trials/*/*/maps_*/heatmaps/*.png")
        return {f: f.stat().st_mtime_ns for f in files}

    def start(data, folder):
        words = ["study", "cam", data, "-o", folder, "--networks", "test_resnet", *SMALL]
        words += ["--folds", "2", "--seeds", "2", "--jobs", "2"]
        command = [sys.executable, "-m", "segscope.cli.main", *map(str, words)]
        return subprocess.Popen(command, start_new_session=True)

    whole = tmp_path / "whole"
    assert start(data, whole).wait() == 0
    begun = start(data, tmp_path / "s")
    while not list((tmp_path / "s").glob("trials/test_resnet/*/filtered_truth")):
        assert begun.poll() is None
        time.sleep(0.05)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    assert len(list((tmp_path / "s").glob("trials/*/*/result.json"))) < 16
    moved = tmp_path / "elsewhere" / "study"
    moved.parent.mkdir()
    shutil.move(tmp_path / "s", moved)
    shutil.move(data, tmp_path / "elsewhere" / "data")
    half = whole_maps(moved)
    assert half
    assert start(tmp_path / "elsewhere" / "data", moved).wait() == 0
    assert half.items() <= whole_maps(moved).items()  # what was whole is taken as it is
    assert len(list(moved.glob("trials/*/*/result.json"))) == 16
    for name in ("study.json", "scores.csv", "classifiers.csv", "layers.csv"):
        assert (moved / name).read_text() == (whole / name).read_text()
