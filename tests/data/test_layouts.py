"""Layouts of other packages: recognised by the folder, and what they give is checked."""

import json

import pytest

from segscope.data import find_cases, is_dataset, open_dataset
from segscope.data.layouts import layout_of, packages_of
from segscope.errors import InputError
from tests.packages import installed
from tests.synthetic import write_plane_dataset

CODE = """
    import json
    from dataclasses import replace
    from pathlib import Path

    from segscope.data import Dataset, Layout, Problem
    from segscope.images import Case

    def read(folder, problems):
        facts = json.loads((folder / "flat.json").read_text())
        if facts == "fails":
            raise KeyError("subject")
        if facts == "nothing":
            return None
        if facts == "problem":
            problems.append(Problem(str(folder), "is odd", "mend it"))
            return None
        cases = tuple(
            Case(name, tuple(folder / file for file in files), label and folder / label)
            for name, files, label in facts["cases"]
        )
        return Dataset(folder, "flat", tuple(facts["channels"]), facts["labels"],
                       facts["ending"], ".png", cases)

    FLAT = Layout(lambda folder: (folder / "flat.json").is_file(), read)
    TWIN = Layout(lambda folder: (folder / "twin.json").is_file(), read)
    word = "flat"
"""
GOOD = {"cases": [["a", ["a.png"], "m.png"]], "channels": ["gray"], "ending": ".png",
        "labels": {"background": 0, "disc": 1}}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def site(tmp_path_factory):
    entries = {"segscope.layouts:flat": "FLAT", "segscope.layouts:twin": "TWIN"}
    with installed(tmp_path_factory.mktemp("site"), "own-layouts", CODE, entries):
        yield


def flat(folder, facts):
    (folder / "flat.json").write_text(json.dumps(facts))
    for name in ("a.png", "m.png"):
        (folder / name).write_bytes(b"")
    return folder


def test_a_folder_is_recognised_and_its_cases_are_found(tmp_path):
    assert not is_dataset(tmp_path)
    dataset = open_dataset(flat(tmp_path, GOOD))
    assert (layout_of(tmp_path), dataset.layout) == ("flat", "flat")
    assert dataset.truth == {"a": tmp_path / "m.png"}
    assert packages_of(dataset) == {"dataset layout flat": "own-layouts==1.2"}
    (case,) = find_cases(tmp_path, channels=1)
    assert (case.name, case.label_file) == ("a", None)
    with pytest.raises(InputError, match="has the channels gray, 2 expected by the model"):
        find_cases(tmp_path, channels=2)


def test_a_dataset_json_is_nnunets_whatever_else_there_is(tmp_path):
    write_plane_dataset(tmp_path / "data", cases=1)
    flat(tmp_path / "data", GOOD)
    dataset = open_dataset(tmp_path / "data")
    assert (dataset.layout, packages_of(dataset)) == ("nnunet", {})


def test_two_layouts_for_one_folder_are_refused(tmp_path):
    (flat(tmp_path, GOOD) / "twin.json").write_text("{}")
    with pytest.raises(InputError, match=r"two layouts, flat of own-layouts==1.2 and twin of own"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    {
        "labels": ({"labels": {"disc": 1}}, r"gives the labels \{'disc': 1\}; background must be"),
        "gap": ({"labels": {"background": 0, "disc": 2}}, "gives the labels"),
        "ending": ({"ending": ".foo"}, "gives the ending '.foo', expected one of .nii.gz"),
        "no label": ({"cases": [["a", ["a.png"], None]]}, "training case a no label map"),
        "twice": ({"cases": GOOD["cases"] * 2}, "gives the case a twice"),
        "no file": ({"cases": [["a", ["b.png"], "m.png"]]}, "file .*b.png, which is not there"),
        "channels": ({"channels": ["x", "y"]}, "1 image files, 2 channels expected"),
    }.values(),
    ids=["labels", "gap", "ending", "no label", "twice", "no file", "channels"],
)
def test_what_is_no_usable_dataset_is_told(tmp_path, changes, said):
    with pytest.raises(InputError, match=rf"layout 'flat' of own-layouts==1.2 .*{said}"):
        open_dataset(flat(tmp_path, GOOD | changes))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ("fails", r"'flat' of own-layouts==1.2 .*: failed \(KeyError: 'subject'\)"),
        ("nothing", "reads a NoneType, a segscope.data.Dataset is expected, or problems"),
        ("problem", "is odd; mend it"),
    ],
)
def test_a_layout_that_gives_nothing_says_why(tmp_path, facts, said):
    with pytest.raises(InputError, match=said):
        open_dataset(flat(tmp_path, facts))
