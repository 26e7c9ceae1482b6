"""The verbs as Python users call them, one after the other on a tiny dataset."""

import json
import subprocess
import sys
from types import ModuleType

import pytest

import segscope
from segscope.errors import InputError
from tests.synthetic import write_plane_dataset

VERBS = ("audit", "check", "evaluate", "predict", "prepare", "quality", "report", "train")
PLACES = {"check": 1, "report": 1, "train": 2, "prepare": 2}
TINY = {"network.widths": [4, 8], "train.epochs": 1, "train.steps_per_epoch": 2}


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verbs")
    write_plane_dataset(folder / "data", cases=6, shape=(32, 32))
    return folder


def test_the_whole_way_with_paths_as_text(place):
    at = {name: str(place / name) for name in ("data", "run", "out", "scores", "quality", "cache")}
    said, done_names = [], tuple(f"p{k}" for k in range(6))
    checked = segscope.check(at["data"])
    assert (checked.problems, len(checked.fingerprint.cases)) == ((), 6)
    prepared = segscope.prepare(at["data"], at["cache"], settings=TINY)
    assert prepared.cases == done_names
    made = set((place / "cache").iterdir())
    trained = segscope.train(
        at["data"], at["run"], settings=TINY, folds=3, device="cpu", say=said.append,
        cache=at["cache"],
    )  # fmt: skip
    assert set((place / "cache").iterdir()) == made  # what was prepared is what is trained on
    assert (trained.epochs, trained.steps) == (1, 2)
    assert any("1 epochs of 2 steps" in line for line in said)
    done = segscope.predict(at["run"], at["data"], at["out"], device="cpu", probabilities=True)
    assert done.written == done_names
    assert (place / "out" / "p0.npz").is_file()
    scores = segscope.evaluate(at["out"], place / "data" / "labelsTr", at["scores"])
    assert (scores.missing, len(scores.rows)) == ((), 6)
    found = segscope.audit(at["run"], at["data"], place / "run" / "audit", device="cpu")
    assert len(found.audit.cases) == 2
    ranked = segscope.quality(at["run"], at["data"], at["quality"], cases="all", device="cpu")
    assert len(ranked.audit.cases) == 6
    page = segscope.report(at["run"]).page
    assert page == place / "run" / "report.html"
    for result in (checked, prepared, trained, done, scores, found, ranked):
        assert json.dumps(result.to_dict(), default=float)


@pytest.mark.parametrize("verb", VERBS)
def test_a_mistyped_keyword_fails_before_anything_is_done(verb, tmp_path):
    places = [tmp_path / "nothing"] * PLACES.get(verb, 3)
    with pytest.raises(TypeError, match="ovewrite"):
        getattr(segscope, verb)(*places, ovewrite=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented_and_listed(verb):
    from segscope.workflows import verbs

    assert verb in dir(segscope)
    text = getattr(verbs, verb).__doc__
    assert f"segscope.{verb}(" in text
    assert "Options`" in text


def test_rooms_with_the_name_of_a_verb_stay_packages(place):
    from segscope.audit import DatasetAudit

    assert isinstance(segscope.audit, ModuleType)
    assert segscope.audit.DatasetAudit is DatasetAudit
    with pytest.raises(InputError, match="either a RUN or --model"):
        segscope.audit(None, place, place / "new")
    # whoever imports the room, and whenever
    run(
        "import segscope\n"
        "import segscope.report\n"
        "from segscope.errors import InputError\n"
        "assert segscope.report.page\n"
        "try:\n"
        "    segscope.report('nowhere')\n"
        "except InputError as error:\n"
        "    assert 'model.json' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )


def test_verbs_are_loaded_when_they_are_used():
    loaded = run("import sys, segscope; dir(segscope); print(*sys.modules)")
    assert not {"torch", "numpy", "segscope.workflows"} & set(loaded)
    loaded = run("import sys, segscope; segscope.predict, segscope.train; print(*sys.modules)")
    assert not {"torch", "numpy"} & set(loaded)
    assert "segscope.workflows.verbs" in loaded


def test_what_is_no_verb_is_no_attribute():
    with pytest.raises(AttributeError, match="trian"):
        _ = segscope.trian
