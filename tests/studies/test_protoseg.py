"""The segmentation-ability study: small but whole."""

import json
import shutil

import numpy as np
import pytest

from segscope.audit import read_audit
from segscope.cli.main import main
from segscope.studies.declared import read_paper
from tests.synthetic import write_plane_dataset

TINY = [
    "network.widths=[4,6,8]", "train.epochs=2", "train.steps_per_epoch=3", "train.batch_size=4",
    "train.learning_rate=0.01", "train.snapshots=[1,2]", "preprocessing.resize=[32,32]",
    "patch=[32,32]",
]  # fmt: skip


def call(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


def read(folder):
    return json.loads((folder / "study.json").read_text())


def made(folder):
    """Everything that was trained or measured, and when."""
    kinds = ("*.safetensors", "scores.json", "audit.json")
    files = [file for kind in kinds for file in folder.rglob(kind)]
    return {file.relative_to(folder): file.stat().st_mtime_ns for file in files}


def page(folder):
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protoseg")
    data = write_plane_dataset(folder / "data", cases=6)
    sets = [word for setting in TINY for word in ("--set", setting)]
    words = [
        "study",
        "layer-ability",
        data,
        "-o",
        folder / "s",
        "--folds",
        "2",
        "--controls",
        *sets,
    ]
    assert call(*words) == 0
    return folder, words


def audits(folder, arm):
    return [read_audit(f) for f in sorted((folder / "s" / "trials" / arm).rglob("audit.json"))]


def test_every_trial_is_audited_on_its_own_test_cases_with_the_other_arm_beside(study):
    folder, _ = study
    for arm in ("offline", "online"):
        places = sorted((folder / "s" / "trials" / arm).iterdir())
        assert len(places) == 2
        tested = []
        for place, found in zip(places, audits(folder, arm), strict=True):
            facts = json.loads((place / "trial.json").read_text())
            assert facts["recipe"]["loss"]["prototype"] == float(arm == "online")
            assert [case.name for case in found.cases] == facts["draw"]["test"]
            assert {"vog", "ensemble"} <= found.cases[0].quality.keys()
            beside = json.loads((place / "again" / "audit" / "scores.json").read_text())["ensemble"]
            other = json.loads((folder / "s" / beside / "trial.json").read_text())
            assert other["draw"] == facts["draw"]
            assert other["name"] != arm
            tested += facts["draw"]["test"]
        assert sorted(tested) == [f"p{k}" for k in range(6)]


def test_numbers_are_means_over_subjects_of_the_audits(study):
    folder, _ = study
    facts = read(folder / "s")
    for number, layer in enumerate(facts["layers"]):
        for arm in ("offline", "online"):
            values = [
                c.layers[number].scores["dice"][0] for a in audits(folder, arm) for c in a.cases
            ]
            assert layer[arm]["mean"] == pytest.approx(np.mean(values))
            assert layer[arm]["sd"] == pytest.approx(np.std(values, ddof=1))
            assert layer[arm]["n"] == 6
        apart = layer["online"]["mean"] - layer["offline"]["mean"]
        assert layer["difference"]["mean"] == pytest.approx(apart)
    output = {one["name"]: one for one in facts["outputs"]}
    dice = [case.dice for found in audits(folder, "online") for case in found.cases]
    assert output["output B"]["online"]["mean"] == pytest.approx(np.mean(dice))
    mu = [case.mu for found in audits(folder, "offline") for case in found.cases]
    assert output["mu"]["offline"]["mean"] == pytest.approx(np.mean(mu))
    assert facts["audits"] == {"offline": 2, "online": 2, "online (guide detached)": 2}


def test_separableness_and_noise_are_of_every_test_case(study):
    folder, _ = study
    facts = read(folder / "s")
    assert set(facts["separable"]) == set(facts["noise"]) == {"offline", "online"}
    for arm, found in facts["separable"].items():
        assert {one["n"] for one in found.values()} == {6}
        assert found["distance"]["mean"] == pytest.approx(
            found["dice"]["mean"] - found["intensities"]["mean"]
        )
        # Table 3's column B is Table 1's: of the same network
        (output,) = (one for one in facts["outputs"] if one["name"] == "output B")
        assert found["dice"]["mean"] == pytest.approx(output[arm]["mean"], abs=1e-6)
    for curves in facts["noise"].values():
        assert list(curves) == [str(k / 10) for k in range(1, 11)]
        assert {one["n"] for curve in curves.values() for one in curve} == {6}
        assert {len(curve) for curve in curves.values()} == {len(facts["layers"])}
    text = (folder / "s" / "report.html").read_text()
    table = text[text.index("(Table 3)</h2>") :]
    assert table.index("<td>online") < table.index("<td>offline")  # the paper's first


def test_layers_stand_beside_their_chance_and_beside_controls(study):
    folder, _ = study
    facts = read(folder / "s")
    (first,) = facts["above_chance"]["offline"][:1]
    cases = {c.name: c for found in audits(folder, "offline") for c in found.cases}
    assert len(cases) == 6  # each of another subject
    own = [c.layers[0].scores["dice"][0] - c.layers[0].chance[0] for c in cases.values()]
    assert first["difference"]["mean"] == pytest.approx(np.mean(own))
    assert len(facts["controls"]["online"]["untrained"]) == len(facts["layers"])
    assert {one["name"] for one in facts["detached"]} == {"output B", "last map"}
    assert len(facts["active"]) == 4
    for one in facts["active"]:
        assert 1 <= one["active"] <= one["units"] == len(one["dice"])
        assert one["dice"][one["active"] - 1] >= one["whole"] - 0.01
    assert "Layers against chance, and controls" in page(folder / "s")


def test_the_page_shows_every_figure_and_the_papers_numbers(study):
    folder, _ = study
    text = (folder / "s" / "report.html").read_text()
    titles = (
        "(Table 1)", "What each layer could segment", "What single units could segment",
        "Quality without truth", "(Table 2)", "Cases, the ones to look at first", "(Table 3)",
        "(Fig. 16)",
    )  # fmt: skip
    assert [title for title in titles if title not in text] == []
    assert sorted(titles, key=text.index) == list(titles)
    assert "0.8514" in text
    assert "2 epochs of 3 steps" in text
    assert text.count('<img src="data:image/png') >= 2 + 6  # layers, units, and the cases' heat


def test_a_finished_study_is_not_measured_again_and_its_page_opens_no_model(
    study, capsys, monkeypatch
):
    folder, words = study
    before, facts = made(folder / "s"), read(folder / "s")
    text = page(folder / "s")
    assert call(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out) == facts
    monkeypatch.setattr("segscope.experiments.again.load_model", None)  # is not called
    (folder / "s" / "report.html").unlink()
    alias = ["protoseg" if word == "layer-ability" else word for word in words]
    assert call(*alias, "--page-only") == 0
    assert "offline: SA of layers" in capsys.readouterr().out
    assert (made(folder / "s"), read(folder / "s")) == (before, facts)
    assert page(folder / "s") == text


def test_a_measure_that_was_lost_is_made_again_and_is_the_same(study):
    folder, words = study
    before, facts = made(folder / "s"), read(folder / "s")
    lost = next((folder / "s" / "trials" / "offline").rglob("audit/scores.json"))
    shutil.rmtree(lost.parent / "pictures")  # as where an audit was killed
    lost.unlink()
    (lost.parents[1] / "noise" / "scores.json").unlink()
    assert call(*words) == 0
    assert read(folder / "s") == facts
    again = {f for f, when in made(folder / "s").items() if before[f] != when}
    place = lost.parents[1].relative_to(folder / "s")
    files = ("audit/scores.json", "audit/audit.json", "noise/scores.json")
    assert again == {place / name for name in files}


def test_a_study_of_the_old_form_is_refused(study, tmp_path, capsys):
    _, words = study
    (tmp_path / "runs" / "offline").mkdir(parents=True)
    words = [tmp_path if str(word).endswith("/s") else word for word in words]
    assert call(*words) == 2
    assert "of an older version" in " ".join(capsys.readouterr().err.split())
    assert [f.name for f in tmp_path.iterdir()] == ["runs"]


def test_the_papers_numbers_obey_arithmetic():
    printed = read_paper("protoseg")
    names = ["BraTS", "ISIC", "COVID", "Prostate", "Pancreas"]
    tables = [table for name, table in printed.items() if name != "setup"]
    assert [list(table) for table in tables] == [names] * 3
    for intensities, dice, distance in printed["separableness"].values():
        assert dice - intensities == pytest.approx(distance, abs=0.0021)
    for full, *_, half in printed["kept"].values():
        assert half > full
