"""What is asked of a run's knowledge: order alone, a promise, and when it is refused."""

import json
import shutil

import pytest

from segscope.errors import InputError
from segscope.trust.guarantee import Guarantee, Promise
from segscope.trust.quality_file import QUALITY, read_quality
from segscope.workflows.quality import QualityOptions, quality
from segscope.workflows.train import TrainOptions, train
from segscope.workflows.trusted import Trusted
from tests.synthetic import write_plane_dataset
from tests.workflows.test_train_quality import TINY

FACTS = {"a": {"verdict": "accept"}, "b": {"verdict": "look"}}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trusted")
    data = write_plane_dataset(folder / "data", cases=18, shape=(16, 16))
    train(data, folder / "run", TrainOptions(settings=TINY, folds=2, device="cpu"))
    write_plane_dataset(folder / "new", cases=3, shape=(16, 16), seed=9)
    return folder


def test_a_ranking_says_what_the_run_has_learned(place):
    options = QualityOptions(device="cpu", cases="all", good=0.5)
    quality(place / "run", place / "new", place / "q", options)
    facts = json.loads((place / "q" / "quality.json").read_text())
    assert set(facts["trust"]["cases"]) == {"p0", "p1", "p2"}
    assert facts["trust"]["promise"]["good"] == 0.5
    # 9 validation cases can prove nothing
    assert facts["trust"]["guarantee"]["threshold"] is None
    assert "nothing can be promised" in facts["trust"]["said"]
    header = (place / "q" / "quality.csv").read_text().splitlines()[0]
    assert "verdict,reasons" in header
    assert {"profile", "mu_above_chance"} <= set(header.split(","))


def test_without_a_quality_file_only_the_order_is_known_until_it_is_made(place, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    (run / QUALITY).unlink()
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["files"][QUALITY]
    (run / "manifest.json").write_text(json.dumps(manifest))
    found = quality(run, place / "new", None, QualityOptions(device="cpu", cases="all"))
    assert "only the order is known" in found.to_text()
    assert "--calibrate DATASET makes it" in found.to_text()
    options = QualityOptions(device="cpu", cases="all", calibrate=place / "data")
    found = quality(run, place / "new", None, options)
    assert "nothing can be promised" in found.to_text()
    assert "thorough" in read_quality(run).predictors


def test_cases_are_not_predicted_from_themselves(place):
    options = QualityOptions(device="cpu", calibrate=place / "data")
    with pytest.raises(InputError, match="would be predicted from itself"):
        quality(place / "run", place / "data", None, options)


def test_what_is_promised_names_who_is_accepted():
    promised = Trusted(FACTS, Guarantee(0.8, 40, 30, 1), Promise())
    assert promised.accepted == ("a",)
    assert promised.describe().endswith("1 of 2 cases here are accepted")
    refused = Trusted(FACTS, Guarantee(None, 40, why_not="few"), Promise())
    assert (refused.accepted, refused.describe()) == ((), "nothing can be promised: few")
    assert Trusted(why="no file").describe().startswith("only the order is known")


def test_numbers_and_methods_that_there_are_not_are_refused(place):
    for options, said in (({"risk": 0.0}, "--risk 0"), ({"method": "magic"}, "--method magic")):
        with pytest.raises(InputError, match=said):
            quality(place / "run", place / "new", None,
                    QualityOptions(device="cpu", cases="all", **options))  # fmt: skip
