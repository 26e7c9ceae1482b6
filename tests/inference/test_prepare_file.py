"""``prepare.yaml``: every fault by its key, JSON too, found beside the model."""

import pytest

from segscope.errors import InputError
from segscope.inference.prepare_file import EXAMPLE, PrepareFile, beside, read_prepare_file


def write(folder, text, name="prepare.yaml"):
    (folder / name).write_text(text)
    return folder / name


def test_the_example_is_a_file_that_is_read(tmp_path):
    said = read_prepare_file(write(tmp_path, EXAMPLE))
    assert said.names == ("T1",)
    plan = said.plan("p", said.names, 3, 3)
    assert (plan.orientation, plan.spacing_mm) == ("RAS", (1, 1, 1))
    assert plan.channels[0].scheme == "zscore"


@pytest.mark.parametrize(("text", "said"), [
    ("outptu: logits", "outptu"),
    ("output: yes please", "output"),
    ("axes: yxz", "axes"),
    ("overlap: 1", "overlap"),
    ("window: [0, 4]", "window"),
    ("multiple: []", "multiple"),
    ("channel_names: {1: a, 2: b}", "channel_names"),
    ("labels: {a: b}", "labels"),
    ("[", "is not YAML"),
    ("just text", "not usable"),
])  # fmt: skip
def test_each_fault_is_named_by_its_key(text, said, tmp_path):
    with pytest.raises(InputError, match=said):
        read_prepare_file(write(tmp_path, text))


def test_faults_of_the_plan_are_named_by_their_place():
    wrong = PrepareFile(preprocessing={"channels": [{"name": "a", "scheme": "ct", "lower": 0}]})
    with pytest.raises(InputError, match=r"preprocessing\.channels\.0"):
        wrong.plan("here", ("a",), 2, 2)
    with pytest.raises(InputError, match="2 channels, expected are 1"):
        PrepareFile(preprocessing={"channels": [{"name": "a"}, {"name": "b"}]}).plan(
            "here", ("a",), 2, 2
        )
    with pytest.raises(InputError, match="slice_axis: 2"):
        PrepareFile().plan("here", ("a",), 3, 2)
    with pytest.raises(InputError, match=r"preprocessing\.spatial_dims"):
        PrepareFile(preprocessing={"spatial_dims": 3}).plan("here", ("a",), 3, 2)


def test_it_is_found_in_and_beside_a_model(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "a.onnx").touch()
    assert beside(model) is None
    outer = write(tmp_path, "{}", "prepare.json")
    assert beside(model) == outer
    assert beside(model / "a.onnx") is None
    inner = write(model, "{}")
    assert beside(model) == beside(model / "a.onnx") == inner
