"""Every study on real images: two seeds, two jobs, killed once, moved once, and taken up again."""

import json
import shutil
import subprocess
import sys
import time

import pytest

TINY = [
    "network.widths=[4,4,6,6,8]", "train.epochs=2", "train.steps_per_epoch=2",
    "train.batch_size=2", "preprocessing.resize=[32,32]", "patch=[32,32]",
]  # fmt: skip
CASES = 6
STUDIES = {
    # words beside those of all, trials, and whose appearance is the moment to kill
    "layer-ability": (["--set", "train.snapshots=[1,2]"], 8, "again/audit/heatmaps"),
    "compare-losses": (
        ["--phi", "random", "--loss", "dice", "--loss", "content"],
        8,
        "result.json",
    ),
    "compare-networks": ([], 24, "result.json"),
}


def some_of(source, folder):
    """Copy the first cases of a dataset."""
    facts = json.loads((source / "dataset.json").read_text())
    labels = sorted((source / "labelsTr").iterdir())[:CASES]
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for label in labels:
        shutil.copy(label, folder / "labelsTr")
        for image in (source / "imagesTr").glob(f"{label.name.split('.')[0]}_0*"):
            shutil.copy(image, folder / "imagesTr")
    (folder / "dataset.json").write_text(json.dumps({**facts, "numTraining": CASES}))


def begin(study, more, folder):
    sets = [word for setting in TINY for word in ("--set", setting)]
    words = ["study", study, folder / "data", "-o", folder / "s", "--folds", "2", "--seeds", "2"]
    script = "from segscope.cli.main import main; main()"
    command = [sys.executable, "-c", script, *map(str, words), "--jobs", "2", *sets, *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def results(folder):
    return {
        file.relative_to(folder): file.stat().st_mtime_ns
        for name in ("result.json", "scores.json")
        for file in (folder / "s").rglob(name)
    }


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_a_study_that_was_killed_and_moved_goes_on(study, shared_data, tmp_path):
    more, trials, moment = STUDIES[study]
    here, there = tmp_path / "here", tmp_path / "there"
    some_of(shared_data / "isic2017_skin", here / "data")
    first = begin(study, more, here)
    while first.poll() is None and not list((here / "s").glob(f"trials/*/*/{moment}")):
        time.sleep(0.05)
    assert first.poll() is None, first.communicate()
    first.kill()
    first.communicate()
    done = results(here)
    assert any(file.name == "result.json" for file in done)
    assert not (here / "s" / "study.json").exists()

    here.rename(there)
    second = begin(study, more, there)
    said = second.communicate()
    assert second.returncode == 0, said
    after = results(there)
    assert done.items() <= after.items()
    assert len([file for file in after if file.name == "result.json"]) == trials
    facts = json.loads((there / "s" / "study.json").read_text())
    assert facts["undone"] == []
    assert {one["n"] for one in facts["arms"]["dice"].values()} == {CASES}
    rows = (there / "s" / "scores.csv").read_text().splitlines()[1:]
    arms = len(facts["arms"]["dice"])
    assert len(rows) == arms * CASES * 2  # every case once per arm and seed
    assert (there / "s" / "report.html").stat().st_size > 100_000
    assert "here" not in (there / "s" / "experiment.yaml").read_text()
