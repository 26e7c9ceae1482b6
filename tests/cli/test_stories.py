"""Four people at their first hour, on real images: each knows the command line and nothing else."""

import csv
import json
import shutil

from PIL import Image

from segscope.data import open_dataset, read_label
from segscope.inference import save_model
from tests.commands import call
from tests.inference.nets import random_model

TINY = [word for value in ("network.widths=[4,8]", "train.epochs=1", "train.steps_per_epoch=2",
                           "train.batch_size=2", "train.workers=0")
        for word in ("--set", value)]  # fmt: skip


def done(capsys, *words):
    code, out, err = call(capsys, *words)
    assert code == 0, out + err
    return out


def small_copy(source, folder, cases):
    """The first cases of a dataset in nnU-Net's layout."""
    dataset = open_dataset(source)
    for case in dataset.training[:cases]:
        for file in (*case.image_files, case.label_file):
            target = folder / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    facts = json.loads((source / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**facts, "numTraining": cases}))
    return folder


def test_a_dermatologist_has_photographs_and_masks_in_two_folders(
    shared_data, tmp_path, monkeypatch, capsys
):
    """To a trained model, predictions, scores and a page in four commands."""
    (tmp_path / "skin" / "images").mkdir(parents=True)
    (tmp_path / "skin" / "masks").mkdir()
    for case in open_dataset(shared_data / "isic2017_skin").training[:6]:
        channels = [Image.open(file) for file in case.image_files]
        photograph = channels[0] if len(channels) == 1 else Image.merge("RGB", channels)
        photograph.convert("RGB").resize((96, 80)).save(
            tmp_path / "skin" / "images" / f"{case.name}.jpg"
        )
        with Image.open(case.label_file) as opened:
            mask = opened.point(lambda value: 255 * (value > 0)).resize((96, 80), 0)
        mask.save(tmp_path / "skin" / "masks" / f"{case.name}.png")
        for channel in channels:
            channel.close()
    monkeypatch.chdir(tmp_path)
    done(capsys, "data", "convert", "skin", "-o", "Dataset001_Skin", "--images", "images",
         "--masks", "masks")  # fmt: skip
    out = done(capsys, "train", "Dataset001_Skin", "-o", "run", "--folds", "2", *TINY)
    assert "next: segscope predict run" in out
    done(capsys, "predict", "run", "-i", "skin/images", "-o", "found", "--report", "--anyway")
    out = done(capsys, "evaluate", "found", "Dataset001_Skin/labelsTr", "-o", "scores")
    assert out.splitlines()[0].split()[:2] == ["label", "dice"]
    page = (tmp_path / "found" / "report.html").read_text()
    assert page.count("data:image/jpeg") == 6
    assert "pixels" in page
    for name in ("found/ISIC_0000008.png", "found/previews/ISIC_0000008.png"):
        assert (tmp_path / name).is_file()
    with Image.open(tmp_path / "found" / "ISIC_0000008.png") as found:
        assert found.size == (96, 80)


def test_a_clinician_has_a_folder_of_dicom_series_and_one_file_with_a_model(
    shared_data, tmp_path, capsys
):
    """Label maps, volumes and pictures in one command."""
    model = random_model(3, classes=3, widths=(4, 8), channels=[{"name": "MR", "scheme": "zscore"}])
    labels = {"background": 0, "anterior": 1, "posterior": 2}
    spec = model.spec.model_copy(update={"labels": labels})
    save_model(tmp_path / "run", spec, model.net)
    file, out = tmp_path / "hippocampus.segscope", tmp_path / "found"
    done(capsys, "export", tmp_path / "run", "-o", file)
    source = shared_data / "dicom_samples" / "mr_hippocampus_crop"
    done(capsys, "predict", file, "-i", source, "-o", out, "--device", "cpu")
    rows = list(csv.DictReader((out / "statistics.csv").read_text().splitlines()))
    assert [(row["case"], row["label"]) for row in rows] == [
        (f"study{k}", label) for k in (1, 2, 3) for label in ("anterior", "posterior")
    ]
    for row in rows:  # voxels of 1 mm
        array = read_label(out / f"{row['case']}.nii.gz").array
        assert int(row["voxels"]) == (array == labels[row["label"]]).sum()
        assert float(row["volume_ml"]) == int(row["voxels"]) / 1000
    assert len(list((out / "previews").glob("study*.png"))) == 3


def test_a_student_has_an_nnunet_folder(shared_data, tmp_path, monkeypatch, capsys):
    """Train, predict, evaluate, audit, and a page of all that."""
    small_copy(shared_data / "hippocampus", tmp_path / "Dataset004_Hippocampus", 4)
    monkeypatch.chdir(tmp_path)
    data, patch = "Dataset004_Hippocampus", ["--set", "patch=[16,16,16]"]
    out = done(capsys, "train", data, "-o", "run", "--folds", "2", *TINY, *patch)
    assert {line.split()[0] for line in out.splitlines()[1:4]} == {"label", "anterior", "posterior"}
    assert {one.name for one in (tmp_path / "run").iterdir()} >= {"recipe.yaml", "log.csv"}
    assert not {"cache", "lock", "state.safetensors"} & {
        one.name for one in (tmp_path / "run").iterdir()
    }
    done(capsys, "predict", "run", "-i", data, "-o", "found")
    out = done(capsys, "evaluate", "found", f"{data}/labelsTr", "-o", "scores")
    assert out.splitlines()[1].startswith("anterior ")
    done(capsys, "audit", "run", "-i", data, "-o", "run/audit")
    assert "page: run/report.html" in done(capsys, "report", "run")
    assert "anterior" in (tmp_path / "run" / "report.html").read_text()


def test_an_engineer_has_a_module_of_her_own(shared_data, tmp_path, monkeypatch, capsys):
    data = small_copy(shared_data / "hippocampus", tmp_path / "data", 2)
    (tmp_path / "engineers_net.py").write_text(
        "from torch import nn\n\n\n"
        "def make():\n"
        "    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 1))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    out = done(capsys, "audit", "--model", "engineers_net:make", "-i", data, "-o", "audit",
               "--cases", "all", "--prepare", "segscope")  # fmt: skip
    assert "2 cases" in out
    facts = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert {case["name"] for case in facts["cases"]} == {
        case.name for case in open_dataset(data).training
    }
