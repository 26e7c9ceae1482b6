"""The page of hand-made results: the answer first, every number with its interval."""

import json

from segscope.studies.cam_page import answer, facts_of, write_page
from segscope.studies.declared import read_paper
from tests.studies.cam_results import outcome, write_pictures


def test_the_answer_says_what_is_shown_and_what_was_not_done():
    said = answer(outcome())
    assert said[0] == "Most accurate in the table: good, 1 (1 to 1, n 8)."
    assert "a cone in the middle, which has seen no image, has 0.25" in said[1]
    assert any(s.startswith("poor against good: differs in test accuracy: -0.5") for s in said)
    assert said[-1] == "Not done: 1 trials; nothing below counts them."


def test_a_page_needs_results_and_pictures_only(tmp_path):
    write_pictures(tmp_path)
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    text = write_page(outcome(), tmp_path).read_text("utf-8")
    for words in ("What it shows", "1 (1 to 1, n 8)", "0.5, sd 0.3536 (n 2)", "the whole region",
                  "Classifiers: size=[32, 32]. U-Nets: train.epochs=2."):  # fmt: skip
        assert words in text
    assert text.count('<img src="data:image/png') == 3
    facts = json.loads((tmp_path / "study.json").read_text())
    assert facts["networks"]["poor"]["right"]["original"]["mean"] == 0.5
    assert facts["undone"] == ["third d0"]
    written = {f.name for f in tmp_path.rglob("*") if f.is_file() and f not in before}
    assert written == {"report.html", "study.json", "scores.csv", "results.csv", "layers.csv",
                       "maps.png", "one_classifier.png", "filtered.png"}  # fmt: skip


def test_facts_hold_the_pairs():
    found = facts_of(outcome())["differences"]
    assert [d["shown"] for d in found["test accuracy"]] == [True]
    assert len(found["Dice of the U-Net"]) == 4


def test_the_papers_numbers_are_whole():
    printed = read_paper("cam")
    assert len(printed) == 6
    for row in printed.values():
        # Table II: what the maps keep is worth less than the image, what masks keep more
        assert row["cam"] < row["accuracy"] < row["truth"]
    assert [name for name, row in printed.items() if "inverse" in row] == ["inceptionv3"]
