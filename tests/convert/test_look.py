"""A folder that is no dataset is described."""

from segscope.convert import describe_folder, look
from segscope.convert.scan import look_into
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


def test_of_very_many_files_only_the_first_are_looked_at(tmp_path, monkeypatch):
    isic(tmp_path / "isic")
    monkeypatch.setattr(look, "_MOST_FILES", 7)  # both folders, and five files below them
    said = str(describe_folder(tmp_path / "isic"))
    assert said.startswith("of its files and folders, the first 7 were looked at: looks like ISIC")
    looked = []
    monkeypatch.setattr(look, "look_into", lambda *a, **k: looked.append(look_into(*a, **k))
                        or looked[-1])  # fmt: skip
    for k in range(40):
        (tmp_path / "home" / f"{k // 10}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "home" / f"{k // 10}" / f"{k}.txt").write_text("")
    said = str(describe_folder(tmp_path / "home"))
    assert "no known download; name the folder of one dataset" in said
    assert len(looked[0].files) + len(looked[0].folders) == 7


def test_one_picture_in_two_folders_is_no_dataset(tmp_path):
    for name in ("a", "seg"):
        picture(tmp_path / name / "preview.png", colours())
    assert describe_folder(tmp_path) is None
