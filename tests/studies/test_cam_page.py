"""The page of hand-made results: the answer first, every number with its interval."""

import json

import pytest

from segscope.data import open_dataset
from segscope.studies.cam_page import answer, facts_of, sections, sentences
from segscope.studies.declared import read_paper
from tests.studies.cam_results import REGIONS, classifiers, unets, write_pictures
from tests.synthetic import write_plane_dataset


def test_the_answer_says_what_is_shown_and_what_was_not_done():
    said = sentences(classifiers())
    assert said[0] == "Most accurate in the table: good, 1 (1 to 1, n 8)."
    assert "a cone in the middle, which has seen no image, has 0.25" in said[1]
    assert any(s.startswith("poor against good: differs in test accuracy: -0.5") for s in said)
    assert said[-1] == "Not done: 1 classifiers' trials; nothing counts them."


@pytest.fixture
def read(monkeypatch):
    """Whoever reads the classifiers' results is given those of `classifiers`."""
    monkeypatch.setattr("segscope.studies.cam_page.read_classifiers", lambda *_: classifiers())


@pytest.mark.usefixtures("read")
def test_sections_need_results_and_pictures_only(tmp_path):
    write_pictures(tmp_path)
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    found = sections(unets(), None, tmp_path)
    text = repr(found)
    for words in ("1 (1 to 1, n 8)", "0.5, sd 0.3536 (n 2)", "the whole region",
                  "Classifiers: size=[32, 32]. U-Nets: train.epochs=2."):  # fmt: skip
        assert words in text
    assert sum(len(section.pictures) for section in found) == 3
    facts = json.loads((tmp_path / "study.json").read_text())
    assert facts["networks"]["poor"]["right"]["original"]["mean"] == 0.5
    assert facts["undone"] == ["third d0"]
    assert facts["answer"] == answer(unets(), None, tmp_path) == sentences(classifiers())
    written = {f.name for f in tmp_path.rglob("*") if f.is_file() and f not in before}
    assert written == {"study.json", "classifiers.csv", "results.csv", "layers.csv",
                       "maps.png", "one_classifier.png", "filtered.png"}  # fmt: skip


def test_without_a_classifier_there_are_no_sections_of_theirs(tmp_path):
    rois = write_plane_dataset(tmp_path / "rois", cases=2)
    (rois / "regions.json").write_text(json.dumps(REGIONS))
    assert sections(unets(), open_dataset(rois), tmp_path) == []
    assert json.loads((tmp_path / "study.json").read_text())["answer"] == []


def test_facts_hold_the_pairs():
    assert [d["shown"] for d in facts_of(classifiers())["pairs"]["test accuracy"]] == [True]


def test_the_papers_numbers_are_whole():
    printed = read_paper("cam")
    assert len(printed) == 6
    for row in printed.values():
        # Table II: what the maps keep is worth less than the image, what masks keep more
        assert row["cam"] < row["accuracy"] < row["truth"]
    assert [name for name, row in printed.items() if "inverse" in row] == ["inceptionv3"]
