"""Folders of timm: its own preparation, its own probabilities, and maps on the picture's pixels."""

import json
import shutil

import numpy as np
import pytest
import torch

from segscope.data import read_image
from segscope.errors import InputError
from segscope.inference.foreign.timm import CentreCrop, is_timm, open_timm
from tests.commands import call, call_flat


@pytest.fixture
def folder(shared_models, tmp_path):
    target = tmp_path / "model"
    shutil.copytree(shared_models / "timm_mobilenetv3" / "model", target,
                    copy_function=shutil.copyfile)  # fmt: skip
    target.chmod(0o755)
    return target


def test_a_stored_classifier_says_what_timm_said(shared_models, tmp_path, capsys):
    place = shared_models / "timm_mobilenetv3"
    code, _, err = call(capsys, "classify", "predict", place / "model", "-i", place / "images",
                        "-o", tmp_path)  # fmt: skip
    assert code == 0, err
    rows = json.loads((tmp_path / "classes.json").read_text())["images"]
    expected = json.loads((place / "expected.json").read_text())
    found = {row["case"]: [row[f"p(class {k})"] for k in range(3)] for row in rows}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6)


def test_maps_lie_on_the_pictures_pixels_and_are_0_where_it_was_cut(
    shared_models, tmp_path, capsys
):
    place = shared_models / "timm_mobilenetv3"
    code, _, err = call(capsys, "cam", place / "model", "-i", place / "images", "-o",
                        tmp_path / "maps")  # fmt: skip
    assert code == 0, err
    heat = read_image(tmp_path / "maps/heatmaps/ISIC_0000008.png").array[0]
    assert heat.shape == (256, 256)
    assert heat.max() > 0
    border = np.ones((256, 256), bool)
    border[16:240, 16:240] = False  # 256 is what timm enlarges to, 224 what it cuts
    assert not heat[border].any()


def test_a_centre_is_found_again_on_a_wide_picture():
    crop = CentreCrop(8, 10, False, "bicubic", (0.5,), (0.5,))
    found = crop.on_image(torch.ones(2, 2), (20, 40))  # shorter side 20 to 10: a step of 2
    expected = np.zeros((20, 40))
    expected[2:18, 12:28] = 1
    np.testing.assert_array_equal(found, expected)
    whole = CentreCrop(8, 8, True, "bicubic", (0.5,), (0.5,)).on_image(torch.ones(2, 2), (20, 40))
    assert whole.all()


def test_more_than_8_bits_are_refused():
    crop = CentreCrop(8, 10, False, "bicubic", (0.5,), (0.5,))
    with pytest.raises(InputError, match="8-bit picture"):
        crop.apply(torch.full((1, 9, 9), 0.1234))


@pytest.mark.parametrize("values, said", [
    ({"architecture": "os.system"}, r"os\.system"),
    ({"num_classes": 1}, "num_classes"),
    ({"num_classes": 7}, "does not fit"),
    ({"pretrained_cfg": {"input_size": [3, 224]}}, "is not whole"),
    ({"model_args": {"act_layer": {"a": 1}}}, "model_args"),
])  # fmt: skip
def test_what_is_no_value_of_timm_is_refused(values, said, folder):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    with pytest.raises(InputError, match=said):
        open_timm(folder)


def test_segmenting_with_a_classifier_is_refused_with_what_to_use(folder, tmp_path, capsys):
    assert is_timm(folder)
    code, _, err = call_flat(capsys, "predict", folder, "-i", tmp_path, "-o", tmp_path / "out")
    assert code == 2
    assert "use segscope classify predict" in err
