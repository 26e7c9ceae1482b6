"""Audit, ranking and report as functions, one after the other on one run."""

import json

import pytest

from segscope.data import load_case
from segscope.errors import InputError
from segscope.workflows.audit import AuditOptions, audit
from segscope.workflows.quality import QualityOptions, quality
from segscope.workflows.report import ReportOptions, report
from segscope.workflows.train import TrainOptions, train
from tests.synthetic import write_plane_dataset

TINY = {"network.widths": [4, 8], "train.epochs": 1, "train.steps_per_epoch": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    data = write_plane_dataset(folder / "data", cases=6, shape=(32, 32))
    train(data, folder / "run", TrainOptions(settings=TINY, folds=3, device="cpu"))
    return folder


@pytest.fixture(scope="module")
def audited(place):
    return audit(place / "run", place / "data", place / "run" / "audit",
                 AuditOptions(device="cpu", heat_maps=False))  # fmt: skip


def test_an_audit_sums_up_what_its_file_says(place, audited):
    facts = audited.to_dict()
    kept = json.loads((place / "run" / "audit" / "audit.json").read_text())
    assert facts["cases"] == len(kept["cases"]) == 2
    assert facts["mu"] == {case["name"]: case["mu"] for case in kept["cases"]}
    first = next(iter(facts["layers"]))
    scores = [value for case in kept["cases"] for value in case["layers"][0]["scores"]["dice"]]
    assert facts["layers"][first] == pytest.approx(sum(scores) / len(scores))
    assert not (place / "run" / "audit" / "heatmaps").exists()
    shown = audited._repr_html_()
    assert shown.count("<tr>") == 1 + len(facts["layers"])
    assert f"<td>{first}</td><td>{facts['layers'][first]:.4g}</td>" in shown


def test_each_case_is_read_once_though_preparations_are_tried_on_some(place, monkeypatch):
    (place / "my_net.py").write_text(
        "import torch\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU(),\n"
        "                               torch.nn.Conv2d(3, 2, 3, padding=1))\n"
    )
    monkeypatch.chdir(place)
    options = AuditOptions(model="my_net:make", prepare="segscope", device="cpu", cases="all")
    read, lines = [], []

    def load(case, **how):
        read.append(case.name)
        return load_case(case, **how)

    monkeypatch.setattr("segscope.audit.subject.load_case", load)
    once = audit(None, place / "data", place / "own", options, say=lines.append)
    assert sum("mean Dice of the first cases" in line for line in lines) > 3
    assert sorted(read) == sorted(case.name for case in once.audit.cases)
    # what is kept of a case is what is read of it
    monkeypatch.setattr("segscope.audit.KeptCases.instead_of", lambda self, cases: cases)
    again = audit(None, place / "data", place / "twice", options)
    assert len(read) == 6 + 6 + 3
    assert once.audit.cases == again.audit.cases


@pytest.mark.usefixtures("audited")
def test_a_report_takes_other_audits_as_text_or_by_name(place):
    first = report(place / "run", ReportOptions(against=["other=" + str(place / "run" / "audit")]))
    verdict = first.verdict
    assert first.to_dict() == {"page": str(place / "run" / "report.html"), "verdict": verdict}
    assert f">{verdict}</h2>" in first.page.read_text()
    second = report(place / "run", ReportOptions(against={"second": place / "run" / "audit"},
                                                 output=place / "second.html"))  # fmt: skip
    assert "</svg>other</li>" in first.page.read_text()
    assert "</svg>second</li>" in second.page.read_text()
    with pytest.raises(InputError, match="expected NAME=FOLDER"):
        report(place / "run", ReportOptions(against=["other"]))


def test_a_ranking_returns_what_it_writes_and_writes_nothing_unasked(place):
    before = set(place.rglob("*"))
    options = QualityOptions(device="cpu", cases="all", target=0.5)
    alone = quality(place / "run", place / "data", options=options)
    assert set(place.rglob("*")) == before
    mus = [row["mu"] for row in alone.to_dict()["cases"]]
    assert (len(mus), mus) == (6, sorted(mus))
    kept = quality(place / "run", place / "data", place / "q", options)
    assert json.loads((place / "q" / "quality.json").read_text()) == kept.to_dict()
    assert "a mean Dice of 0.5 by reviewing" in kept.to_text()
    assert kept._repr_html_().count("<tr>") == 1 + 6


@pytest.mark.parametrize(
    ("run", "options", "said"),
    [
        (None, {}, "either a RUN or --model"),
        ("run", {"model": "a:b"}, "either a RUN or --model"),
        ("run", {"prepare": "asis"}, "has no such choice"),
    ],
    ids=["neither", "both", "prepare"],
)
def test_what_does_not_go_together_is_refused(place, run, options, said):
    with pytest.raises(InputError, match=said):
        audit(run and place / run, place / "data", place / "new", AuditOptions(**options))
    assert not (place / "new").exists()
