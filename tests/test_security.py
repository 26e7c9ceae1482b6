"""No code is ever run from a file, and nothing of a patient's header is handed on."""

import ast
import json
import pickle
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch

import segscope
from segscope.cli.main import main
from segscope.data import read_image
from segscope.inference import save_model
from tests.corpus import SERIES, image_path, write_dataset
from tests.inference.nets import random_model

SOURCE = sorted(Path(segscope.__file__).parent.rglob("*.py"))
EVIL = "<img src=x onerror=alert(1)>"
PLANTED = "DOE^JANE"


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


@pytest.mark.parametrize("file", SOURCE, ids=lambda f: "/".join(f.parts[-2:]))
def test_no_source_file_can_run_what_a_file_says(file):
    tree = ast.parse(file.read_text("utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else
                     [alias.name for alias in node.names])
    }  # fmt: skip
    forbidden = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
    assert not {str(name).split(".")[0] for name in imported} & forbidden
    for node, name in calls(tree):
        keywords = {k.arg: k.value for k in node.keywords}
        where = f"line {node.lineno}"
        assert name not in ("eval", "exec", "compile", "os.system", "os.popen"), where
        assert not name.endswith((".extractall", ".extract", "unpack_archive")), where
        assert "shell" not in keywords, where
        if name.startswith("yaml."):
            assert name in ("yaml.safe_load", "yaml.safe_dump", "yaml.YAMLError"), where
        if name == "torch.load":
            assert ast.unparse(keywords["weights_only"]) == "True", where
        if name in ("np.load", "numpy.load"):
            assert ast.unparse(keywords["allow_pickle"]) == "False", where


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.mkdir, (Path(self.place),)


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


@pytest.fixture
def place(tmp_path):
    write_dataset(tmp_path / "data", ".nii.gz")
    model = random_model(3, widths=(4, 6), patch=(16,) * 3, channels=[{"name": "MR"}])
    labels = {"background": 0, "ball": 1}
    spec = model.spec.model_copy(update={"labels": labels, "channel_names": ("MR",)})
    save_model(tmp_path / "run", spec, model.net)
    split = {"dataset": "", "fold": 0, "folds": 2, "train": ["c2", "c3"], "val": ["c0", "c1"]}
    (tmp_path / "run" / "split.json").write_text(json.dumps(split))
    return tmp_path


def test_booby_traps_in_every_kind_of_file_stay_closed(place, capsys):
    trap = place / "trap"
    weights = place / "trap.pt"
    torch.save({"network_weights": Trap(trap), "init_args": {}}, weights)  # as nnU-Net's are
    (place / "trap.yaml").write_text(f"a: !!python/object/apply:os.mkdir ['{trap}']")
    np.savez(place / "trap.npz", a=np.array([Trap(trap)], object))
    (place / "trap.pkl").write_bytes(pickle.dumps(Trap(trap)))
    data, run = place / "data", place / "run"
    for k, words in enumerate(
        [
            ["classify", "train", data, "--weights", weights, "--model", "test_resnet"],
            ["classify", "train", data, "--weights", place / "trap.pkl", "--model", "test_resnet"],
            ["audit", "--model", "tests.test_security:net", "--weights", weights, "-i", data],
            ["train", data, "--recipe", place / "trap.yaml"],
            ["train", data, "--recipe", "siamese", "--set", f"loss.options.weights={weights}"],
            ["train", data, "--set", "a=!!python/object/apply:os.mkdir [trap]"],
            ["predict", run, "-i", place / "trap.npz"],
        ]
    ):
        code, said = call(capsys, *words, "-o", place / f"o{k}")
        assert code in (1, 2), (words, said)
        assert not trap.exists(), words
        assert "Traceback" not in said
    shutil.copy(weights, run / "weights_best.safetensors")
    code, said = call(capsys, "predict", run, "-i", data / "imagesTr", "-o", place / "p")
    assert code in (1, 2)
    (run / "model.json").write_bytes(pickle.dumps(Trap(trap)))
    code, said = call(capsys, "predict", run, "-i", data / "imagesTr", "-o", place / "p")
    assert code in (1, 2)
    assert not trap.exists()
    torch.load(weights, weights_only=False)
    assert trap.exists()  # the traps were armed


def net():
    return torch.nn.Conv3d(1, 2, 1)


def planted(file):
    """Write names wherever a NIfTI header can hold them."""
    image = nib.load(file)
    image = nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        image.header[field] = PLANTED.encode()
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, PLANTED.encode()))
    nib.save(image, file)


def test_names_in_headers_reach_no_output(place, capsys):
    for file in (place / "data").rglob("*.nii.gz"):
        planted(file)
    data, run = place / "data", place / "run"
    said = ""
    for words in (
        ["data", "inspect", data / "imagesTr" / "c0_0000.nii.gz"],
        ["data", "check", data],
        ["train", data, "-o", place / "t", "--folds", "2", "--set", "network.widths=[4,6]",
         "--set", "train.epochs=1", "--set", "train.steps_per_epoch=1"],
        ["predict", run, "-i", data / "imagesTr", "-o", place / "p", "--probabilities"],
        ["evaluate", place / "p", data / "labelsTr", "-o", place / "s"],
        ["audit", run, "-i", data, "-o", place / "a", "--cases", "all"],
        ["quality", run, "-i", data, "-o", place / "q", "--cases", "all"],
        ["cam", run, "-i", data, "-o", place / "c", "--cases", "all"],
        ["report", run, "--audit", place / "a", "-o", place / "r.html"],
    ):  # fmt: skip
        code, text = call(capsys, *words)
        assert code == 0, (words, text)
        said += text
    assert PLANTED not in said
    made = [f for f in place.rglob("*") if f.is_file() and data not in f.parents]
    assert len(made) > 30
    for file in made:
        raw = file.read_bytes()
        if file.name.endswith(".gz"):
            raw += nib.load(file).header.binaryblock + read_image(file).array.tobytes()
            assert not nib.load(file).header.extensions
        assert PLANTED.encode() not in raw, file


UID = "1.2.826.0.1.7777777"


def tag_with_names(one):
    """Write names and identifiers wherever people and scanners put them."""
    for tag in (
        "PatientName",
        "PatientID",
        "InstitutionName",
        "ReferringPhysicianName",
        "StudyDescription",
        "SeriesDescription",
        "PatientComments",
        "ProtocolName",
    ):
        setattr(one, tag, PLANTED)
    one.PatientBirthDate, one.AccessionNumber = "19310203", PLANTED
    one.SeriesInstanceUID = one.StudyInstanceUID = one.FrameOfReferenceUID = UID
    block = one.private_block(0x0011, "segscope test", create=True)
    block.add_new(1, "LO", PLANTED)


def tag_series(folder):
    for file in folder.iterdir():
        one = pydicom.dcmread(file)
        tag_with_names(one)
        one.save_as(file)


def names_in(raw):
    return [name for name in (PLANTED, "19310203", UID) if name.encode() in raw]


def test_names_in_dicom_tags_reach_no_output(place, capsys):
    series, run, said = place / "series" / "imagesTr", place / "run", ""
    write_dataset(place / "series", ".dcm", cases=2)
    for folder in series.iterdir():
        tag_series(folder)
    before = {*place.rglob("*")}
    for words in (
        ["data", "inspect", series / "c0"],
        ["predict", run, "-i", series, "-o", place / "p", "--probabilities"],
        ["audit", run, "-i", series, "-o", place / "a"],
        ["quality", run, "-i", series, "-o", place / "q"],
        ["cam", run, "-i", series, "-o", place / "c"],
        ["data", "masks", "-i", series, "-o", place / "m"],
        ["report", run, "--audit", place / "a", "-o", place / "r.html"],
    ):
        code, text = call(capsys, *words)
        assert code == 0, (words, text)
        said += text
    assert not names_in(said.encode())
    made = [f for f in place.rglob("*") if f.is_file() and f not in before]
    assert len(made) > 20
    for file in made:
        raw = file.read_bytes()
        if file.name.endswith(".gz"):
            raw += nib.load(file).header.binaryblock
            assert not nib.load(file).header.extensions
        assert not names_in(raw), file


@pytest.mark.parametrize("entry", [entry for entry in SERIES if entry.refused], ids=str)
def test_refusals_repeat_no_name_of_a_dicom_tag(tmp_path, capsys, entry):
    folder = image_path(write_dataset(tmp_path / "data", ".dcm", cases=2), entry)
    tag_series(folder)
    assert names_in(next(folder.iterdir()).read_bytes()) == [PLANTED, "19310203", UID]
    entry.write(folder)
    code, said = call(capsys, "data", "inspect", folder)
    assert code == 2
    assert not names_in(said.encode()), said


def test_names_of_files_are_kept_whole_and_do_no_harm(place, capsys):
    data, run = place / "data", place / "run"
    images = place / "images"
    images.mkdir()
    names = ["=1+1", "-x", "a b", "ü'\"", EVIL.replace("/", ""), "@SUM(A1)"]
    for name in names:
        shutil.copy(data / "imagesTr" / "c0_0000.nii.gz", images / f"{name}_0000.nii.gz")
    code, said = call(capsys, "predict", run, "-i", images, "-o", place / "p")
    assert code == 0, said
    assert {f.name for f in (place / "p").glob("*.nii.gz")} == {f"{n}.nii.gz" for n in names}
    code, said = call(capsys, "audit", run, "-i", images, "-o", place / "a", "--cases", "all")
    assert code == 0, said
    code, said = call(capsys, "report", run, "--audit", place / "a", "-o", place / "r.html")
    assert code == 0, said
    page = (place / "r.html").read_text()
    assert EVIL not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    for file in (place / "a").glob("*.csv"):
        cells = [cell for line in file.read_text().splitlines() for cell in line.split(",")]
        starts = {cell.strip('"')[:1] for cell in cells if cell and not _is_number(cell)}
        assert not starts & set("=+-@"), file


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
