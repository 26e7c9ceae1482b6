"""``segscope data rois`` cuts with what was typed and counts what it wrote."""

import json

import pytest

from segscope.workflows.rois import NORMAL_SOURCES, RoiOptions
from tests.cli.asked import Asked
from tests.commands import call
from tests.synthetic import write_plane_dataset


@pytest.fixture
def asked(monkeypatch):
    return Asked(
        monkeypatch, "segscope.workflows.rois", "extract_rois", {"lesions": 3, "normal": 1}
    )


def test_options_reach_the_work(capsys, asked, tmp_path):
    data = write_plane_dataset(tmp_path / "data", cases=1)
    words = ["--normals", "mirror", "--padding", "0.2,0.5", "--least-pixels", 4, "--seed", 7]
    code, out, _ = call(capsys, "data", "rois", data, "-o", "new", *words)
    assert (code, out) == (0, "new: 3 lesions, 1 normal\n")
    assert asked.given[0].folder == data
    assert asked.given[2] == RoiOptions(
        normals=NORMAL_SOURCES["mirror"], padding=(0.2, 0.5), least_pixels=4, seed=7
    )
    code, out, _ = call(capsys, "data", "rois", data, "-o", "new", "--json")
    assert json.loads(out) == {"lesions": 3, "normal": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--normals", "all"], "expected one of"), (["--padding", "0.1"], "expected two shares"),
     (["--padding", "a,b"], "expected two shares"),
     (["--padding", "1,2,3"], "expected two shares")],
)  # fmt: skip
def test_words_without_meaning_are_refused(capsys, asked, tmp_path, words, said):
    (tmp_path / "dataset.json").write_text("{}")
    code, _, err = call(capsys, "data", "rois", tmp_path, "-o", "new", *words)
    assert code == 2
    assert said in err
    assert asked.given is None
