"""An audit and a ranking by two processes are those of one, to the bit."""

import pytest

from segscope.audit import choose_cases
from segscope.data import AS_STORED
from segscope.errors import Failures, InputError, WorkError
from segscope.inference import OpenOptions, load_model
from segscope.workflows.audit import AuditOptions, audit
from segscope.workflows.audit_model import Network
from segscope.workflows.audit_pieces import Several, audit_by_several
from segscope.workflows.quality import QualityOptions
from segscope.workflows.ranking import known_audit, measure_quality
from segscope.workflows.train import TrainOptions, train
from tests.packages import installed
from tests.synthetic import write_plane_dataset
from tests.workflows.test_predict_pieces import Here

TINY = {"network.widths": [4, 8], "train.epochs": 2, "train.steps_per_epoch": 2,
        "train.snapshots": [1, 2]}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audits")
    data = write_plane_dataset(folder / "data", cases=6, shape=(32, 32))
    train(data, folder / "run", TrainOptions(settings=TINY, folds=3, device="cpu"))
    (data / "imagesTr" / "p3_0000.png").write_bytes(b"no picture")
    return folder


def options(**more):
    return AuditOptions(device="cpu", cases="all", **more)


def content(folder):
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_two_processes_write_the_same_audit(place, tmp_path):
    lines = []
    for folder, jobs in (("one", 1), ("two", 2)):
        with pytest.raises(WorkError, match=r"1 of 6 cases failed:\n  p3: .*cannot be decoded"):
            audit(place / "run", place / "data", tmp_path / folder, options(jobs=jobs),
                  say=lines.append)  # fmt: skip
    found = content(tmp_path / "two")
    assert found == content(tmp_path / "one")
    assert len([file for file in found if file.parent.name == "heatmaps"]) == 5
    assert b"vog" in found[next(f for f in found if f.name == "cases.csv")]
    assert len(lines) == 6


def ranked(place, several, scores=()):
    model = load_model(place / "run")
    cases = choose_cases(place / "data", channels=1, which="all", run=place / "run")
    how = QualityOptions(device="cpu", ensemble=[place / "run"], scores=scores)
    return measure_quality(model, cases, how, run=place / "run", several=several)


def test_pieces_rank_as_the_whole_does(place):
    several = Several(
        Network(place / "run", opening=OpenOptions(device="cpu")), Here(one_disk=True)
    )
    found = ranked(place, several)
    assert found.to_dict() == ranked(place, None).to_dict()
    assert {"vog", "ensemble"} <= found.audit.cases[0].quality.keys()
    assert list(found.failed) == ["p3"]


def test_a_packages_score_that_fails_ends_the_ranking_by_pieces_too(place, tmp_path):
    code = """
        from segscope.audit import QualityScore

        def odd(case):
            return 1.0 / (case.opened.name != "p2")

        ODD = QualityScore("fails once", odd)
    """
    several, said = (
        Several(Network(place / "run", opening=OpenOptions(device="cpu")), Here(one_disk=True)),
        [],
    )
    with installed(tmp_path, "odd-things", code, {"segscope.quality_scores:odd": "ODD"}):
        for one in (None, several):
            with pytest.raises(InputError, match=r"'odd' of odd-things==1\.2 .*ZeroDiv") as found:
                ranked(place, one, ("odd",))
            said.append(str(found.value))
    assert said[0] == said[1]


def test_a_case_to_calibrate_on_that_cannot_be_read_ends_the_ranking(place):
    model, several = load_model(place / "run"), Several(Network(place / "run"), Here(one_disk=True))
    cases = choose_cases(place / "data", channels=1, which="all", run=place / "run")
    said = []
    for one in (None, several):
        with pytest.raises(InputError, match=r"p3_0000\.png: cannot be decoded") as found:
            known_audit(model, cases, AS_STORED, one)
        said.append(str(found.value))
    assert said[0] == said[1]


def test_heat_maps_come_back_from_who_has_another_disk(place, tmp_path):
    model, failures = load_model(place / "run"), Failures()
    cases = choose_cases(place / "data", channels=1, which="all", run=place / "run")
    several = Several(
        Network(place / "run", opening=OpenOptions(device="cpu")),
        Here(one_disk=False, fails=["p1"]),
    )
    found = audit_by_several(
        several, model, cases, failures, options={"reading": AS_STORED}, heat_maps=tmp_path
    )
    assert [case.name for case in found.cases] == ["p0", "p2", "p4", "p5"]
    assert list(failures.reasons) == ["p1", "p3"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["p0.png", "p2.png", "p4.png", "p5.png"]
