"""JPEG photographs beside PNG masks, under nnU-Net's key ``dataset``, the whole way."""

import json

import numpy as np
from PIL import Image as PillowImage

from tests.commands import call
from tests.synthetic import write_plane_dataset

TINY = ["network.widths=[4,8]", "train.epochs=1", "train.steps_per_epoch=2", "train.batch_size=2"]


def photographs(folder, ending=".jpg"):
    """Colour photographs and masks that have one file name for all cases, each in its folder."""
    plain = write_plane_dataset(folder / "plain", cases=4, shape=(32, 40))
    made = folder / "data"
    cases = {}
    for k in range(4):
        place = made / f"case{k}"
        place.mkdir(parents=True)
        grey = np.asarray(PillowImage.open(plain / "imagesTr" / f"p{k}_0000.png"))
        PillowImage.fromarray(np.stack([grey] * 3, -1)).save(place / f"photo{ending}")
        (plain / "labelsTr" / f"p{k}.png").rename(place / "mask.png")
        cases[f"case{k}"] = {"images": [f"case{k}/photo{ending}"], "label": f"case{k}/mask.png"}
    facts = {
        "channel_names": dict.fromkeys("012", "rgb_to_0_1"),
        "labels": {"Background": 0, "disc": 1},
        "numTraining": 4,
        "file_ending": ending,
        "dataset": cases,
    }
    (made / "dataset.json").write_text(json.dumps(facts))
    return made


def test_photographs_with_masks_go_the_whole_way(tmp_path, capsys):
    data = photographs(tmp_path)
    code, out, _ = call(capsys, "data", "check", data)
    assert code == 0
    assert "over 255; values outside 0..255 are refused" in out
    assert "0 problems, 0 warnings" in out
    settings = [word for setting in TINY for word in ("--set", setting)]
    run = tmp_path / "run"
    code, out, err = call(capsys, "train", data, "-o", run, "--folds", "2", *settings)
    assert code == 0, out + err
    model = json.loads((run / "model.json").read_text())
    assert [channel["scheme"] for channel in model["plan"]["channels"]] == ["rgb"] * 3
    assert model["labels"] == {"background": 0, "disc": 1}
    assert len(list((run / "validation").glob("*.png"))) == 2
    code, out, err = call(capsys, "predict", run, "-i", data, "-o", tmp_path / "found")
    assert code == 0, out + err
    found = sorted(file.name for file in (tmp_path / "found").glob("*.png"))
    assert found == ["case0.png", "case1.png", "case2.png", "case3.png"]


def test_values_that_are_no_bytes_are_named_before_training(tmp_path, capsys):
    data = write_plane_dataset(tmp_path / "data", cases=2, shape=(8, 9))
    facts = json.loads((data / "dataset.json").read_text())
    facts["channel_names"] = {"0": "rgb_to_0_1"}
    (data / "dataset.json").write_text(json.dumps(facts))
    wide = np.full((8, 9), 300, np.uint16)
    wide[0, 0] = 7
    PillowImage.fromarray(wide).save(data / "imagesTr" / "p1_0000.png")
    code, out, _ = call(capsys, "data", "check", data, "--json")
    report = json.loads(out)
    assert code == 2
    assert [(p["case"], p["file"]) for p in report["problems"]] == [
        ("p1", str(data / "imagesTr" / "p1_0000.png"))
    ]
    assert "has values from 7 to 300" in report["problems"][0]["fault"]
    assert report["normalisation"] == ["over 255; values outside 0..255 are refused"]
    code, out, err = call(capsys, "train", data, "-o", tmp_path / "run", "--folds", "2")
    assert code == 2
    assert "p1_0000.png: has values from 7 to 300" in out + err
    assert not (tmp_path / "run").exists()


def test_what_is_odd_is_said_before_training(tmp_path, capsys):
    data = write_plane_dataset(tmp_path / "data", cases=2, shape=(8, 9))
    facts = json.loads((data / "dataset.json").read_text())
    facts["channel_names"] = {"0": "CT scan"}
    (data / "dataset.json").write_text(json.dumps(facts))
    code, _, err = call(capsys, "train", data, "-o", tmp_path / "run", "--plan-only")
    assert code == 0
    assert "warning:" in err
    assert "'CT scan', which is not CT" in " ".join(err.split())


def test_the_background_is_not_trained_as_a_lesion(tmp_path, capsys):
    data = write_plane_dataset(tmp_path / "data", cases=2, shape=(8, 9))
    facts = json.loads((data / "dataset.json").read_text())
    facts["labels"] = {"lesion": 0, "background": 1}
    (data / "dataset.json").write_text(json.dumps(facts))
    for words in (["data", "check", data], ["train", data, "-o", tmp_path / "run"]):
        code, out, err = call(capsys, *words)
        assert code == 2
        assert "gives background the value 1, and 0 is 'lesion'" in " ".join((out + err).split())
    assert not (tmp_path / "run").exists()
