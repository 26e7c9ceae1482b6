"""A folder that is no dataset is described."""

from segscope.convert import describe_folder
from tests.convert.trees import colours, isic, picture, square


def pairs(at, *, grey=False):
    for k in range(3):
        picture(at / "images" / f"p{k}.png", colours(k)[..., 0] if grey else colours(k))
        picture(at / "masks" / f"p{k}_mask.png", square())


def test_a_folder_that_is_no_dataset_is_described_with_its_command(tmp_path):
    pairs(tmp_path / "source")
    said = describe_folder(tmp_path / "source")
    assert said is not None
    assert said.startswith("3 images in images, 3 masks in masks: segscope data convert")
    isic(tmp_path / "isic")
    assert "--layout isic" in str(describe_folder(tmp_path / "isic"))
    (tmp_path / "empty").mkdir()
    assert describe_folder(tmp_path / "empty") is None
