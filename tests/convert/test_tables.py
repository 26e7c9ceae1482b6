"""What a download says of itself: names, labels, cells of its tables."""

import json

import pytest

from segscope.convert import convert, read_layout
from segscope.convert.layout import Layout, TableSource
from segscope.convert.scan import Source
from segscope.convert.tables import described, table_cells
from segscope.errors import InputError
from tests.convert.more_trees import MORE
from tests.convert.trees import isic


@pytest.fixture
def layout():
    return Layout.model_construct(
        name="own", channels=(), labels={}, described="about.json", table=None
    )


def told(tmp_path, layout, facts):
    (tmp_path / "about.json").write_text(json.dumps(facts))
    return described(layout, tmp_path)


def test_the_decathlons_form_and_ours_say_the_same(tmp_path, layout):
    names, old = told(tmp_path, layout, {
        "modality": {"1": "T2", "0": "T1"}, "labels": {"0": "background", "2": "edema", "1": "core"}
    })  # fmt: skip
    assert names == ("T1", "T2")
    assert set(old) == {"edema", "core"}
    _, new = told(tmp_path, layout, {
        "channel_names": {"0": "T1"}, "labels": {"background": 0, "edema": 2, "core": 1}
    })  # fmt: skip
    assert old == new


def test_what_the_layout_names_goes_first(tmp_path, layout):
    own = layout.model_copy(update={"channels": ("CT",)})
    assert told(tmp_path, own, {"labels": {"a": 1}})[0] == ("CT",)


@pytest.mark.parametrize(
    ("facts", "words"),
    [([], "expected keys"), ({"labels": {"a": 1}}, "names no channels"),
     ({"modality": {"0": "T1"}}, "names no labels"),
     ({"modality": {"0": "T1"}, "labels": {"a": "x..y"}}, "labels are not understood")],
    ids=["list", "no channels", "no labels", "no values"],
)  # fmt: skip
def test_a_description_that_says_too_little_is_refused(tmp_path, layout, facts, words):
    with pytest.raises(InputError, match=rf"about\.json: .*{words}"):
        told(tmp_path, layout, facts)


def test_a_description_that_is_not_there_is_named_with_its_layout(tmp_path, layout):
    with pytest.raises(InputError, match=r"about\.json: is missing; the layout own"):
        described(layout, tmp_path)


def cells(tmp_path, layout, text, **more):
    (tmp_path / "t.csv").write_text(text)
    table = TableSource(file="*.csv", case="id", key="{n}", **more)
    own = layout.model_copy(update={"table": table})
    return table_cells(own, Source(tmp_path, ("a.png", "t.csv"), ()))


def test_cells_by_case_and_only_those_columns_that_are_asked_for(tmp_path, layout):
    text = "id,age,sex\na,5,f\nb,7,\n"
    assert cells(tmp_path, layout, text)["b"] == {"age": "7", "sex": ""}
    assert cells(tmp_path, layout, text, columns="age") == {"a": {"age": "5"}, "b": {"age": "7"}}
    assert table_cells(layout, Source(tmp_path, ("t.csv",), ())) == {}


def test_a_case_twice_with_other_values_is_refused(tmp_path, layout):
    assert cells(tmp_path, layout, "id,age\na,5\na,5\n") == {"a": {"age": "5"}}
    with pytest.raises(InputError, match=r"t\.csv: has a twice"):
        cells(tmp_path, layout, "id,age\na,5\na,6\n")
    with pytest.raises(InputError, match="has no column id"):
        cells(tmp_path, layout, "name,age\na,5\n")


def test_diagnoses_beside_the_masks_go_into_the_table_of_cases(tmp_path):
    isic(tmp_path / "s")
    (tmp_path / "s" / "ISIC-2017_Training_Part3_GroundTruth.csv").write_text(
        "image_id,melanoma,seborrheic_keratosis\nISIC_0000001,1.0,0.0\nISIC_0000002,0.0,0.0\n"
    )
    convert(tmp_path / "s", tmp_path / "out", read_layout("isic"))
    rows = (tmp_path / "out" / "cases.csv").read_text().splitlines()
    assert rows == ["case,melanoma,seborrheic_keratosis", "ISIC_0000001,1.0,0.0",
                    "ISIC_0000002,0.0,0.0"]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda text: text.replace("P_00002,LEFT,CC,2", "P_00003,LEFT,CC,2"),
      "P_00003_LEFT_CC: is in a table, and no image is there"),
     (lambda text: text + "P_00001,LEFT,CC,3,BENIGN\n", "has 2 masks, and 3 rows in the tables"),
     (lambda text: text.replace("image view", "view"), "has no column image view")],
    ids=["no image", "no mask", "no column"],
)  # fmt: skip
def test_tables_of_one_row_a_mask_must_agree_with_the_files(tmp_path, change, said):
    MORE["cbis_ddsm_mass"](tmp_path / "s")
    file = tmp_path / "s" / "CBIS-DDSM" / "mass_case_description_train_set.csv"
    file.write_text(change(file.read_text()))
    with pytest.raises(InputError, match=said):
        convert(tmp_path / "s", tmp_path / "out", read_layout("cbis_ddsm_mass"))
