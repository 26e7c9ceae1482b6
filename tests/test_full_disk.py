"""A disk that is full at any one write of any command: said in a line, and nothing old is lost."""

import ast
import errno
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage
from safetensors.torch import load_file

import segscope
from segscope.data import files
from tests.corpus import write_dataset
from tests.test_survival import check_whole
from tests.test_survival import quietly as call

TINY = ["network.widths=[4,6]", "train.epochs=2", "train.steps_per_epoch=1", "train.batch_size=2",
        "train.workers=0"]  # fmt: skip


def settings(values):
    return [word for value in values for word in ("--set", value)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A dataset of volumes and one of planes, a run of each, and what they have written before."""
    folder = tmp_path_factory.mktemp("disk")
    data, planes = folder / "data", folder / "planes"
    write_dataset(data, ".nii.gz")
    write_dataset(planes, ".png", cases=10)
    for k in range(3):  # images without a lesion, for regions without one
        file = planes / "labelsTr" / f"c{k}.png"
        with PillowImage.open(file) as opened:
            empty = PillowImage.new("L", opened.size)
        empty.save(file)
    old = folder / "old"
    assert call("train", data, "-o", old / "run", "--folds", "2", *settings(TINY)) == 0
    assert call("train", data, "-o", old / "nested", "--recipe", "anunet_3d", "--folds", "2",
                *settings(TINY)) == 0  # fmt: skip
    assert call("classify", "train", planes, "-o", old / "classes", "--model", "test_resnet",
                "--size", "32", "--set", "epochs=1") == 0  # fmt: skip
    assert call("predict", old / "run", "-i", data, "-o", old / "predicted") == 0
    assert call("evaluate", old / "predicted", data / "labelsTr", "-o", old / "scores") == 0
    assert call("audit", old / "run", "-i", data, "-o", old / "run" / "audit") == 0
    return folder


def commands(place, old):
    """What each writes, by the name of the command; ``old`` is a copy that it may write into."""
    data, planes, run = place / "data", place / "planes", old / "run"
    every = ["--cases", "all"]
    return {
        "train": ["train", data, "-o", old / "new", "--folds", "2", *settings(TINY)],
        "train --resume": ["train", data, "-o", run, "--resume"],
        "predict": ["predict", run, "-i", data, "-o", old / "predicted", "--overwrite"],
        "evaluate": ["evaluate", old / "predicted", data / "labelsTr", "-o", old / "scores"],
        "audit": ["audit", run, "-i", data, "-o", old / "audit", *every],
        "quality": ["quality", run, "-i", data, "-o", old / "quality", *every],
        "cam": ["cam", run, "-i", data, "-o", old / "cam", *every],
        "report": ["report", run],
        "prune": ["prune", old / "nested", "-o", old / "small", "--level", "1"],
        "data check": ["data", "check", data, "-o", old / "check.json"],
        "data masks": ["data", "masks", "-i", data / "imagesTr", "-o", old / "masks"],
        "data rois": ["data", "rois", planes, "-o", old / "rois"],
        "classify train": ["classify", "train", planes, "-o", old / "c", "--model", "test_resnet",
                           "--size", "32", "--set", "epochs=1"],
        "classify predict": ["classify", "predict", old / "classes", "-i", planes, "-o", old / "p"],
        "cam of a classifier": ["cam", old / "classes", "-i", planes, "-o", old / "cc", *every],
        "study gbm": ["study", "gbm", data, "-o", old / "study", "--test-subjects", "1",
                      "--val-subjects", "1", "--sizes", "1", "--mask", "method=labels",
                      "--no-upper-bound", *settings([*TINY[:1], "train.epochs=1", *TINY[2:]])],
    }  # fmt: skip


class Disk:
    """Counts writes; refuses the one that is named, and all after it."""

    def __init__(self, monkeypatch):
        self.count, self.refused = 0, None
        self._sync = os.fsync
        monkeypatch.setattr(files.os, "fsync", self._take)

    def _take(self, handle):
        if not os.path.isdir(f"/proc/self/fd/{handle}"):  # a folder's own sync is no write
            if self.refused is not None and self.count >= self.refused:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.count += 1
        self._sync(handle)


def contents(folder):
    return {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("which", ["some", pytest.param("every", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", list(commands(Path(), Path())))
def test_old_files_stay_whole_whichever_write_fails(
    place, tmp_path, monkeypatch, capsys, name, which
):
    disk = Disk(monkeypatch)
    shutil.copytree(place / "old", tmp_path / "counted")
    assert call(*commands(place, tmp_path / "counted")[name]) == 0
    writes = disk.count
    assert writes
    tried = range(writes) if which == "every" else sorted({0, writes // 2, writes - 1})
    for number in tried:
        own = tmp_path / str(number)
        shutil.copytree(place / "old", own)
        before = contents(own)
        capsys.readouterr()
        disk.count, disk.refused = 0, number
        code = call(*commands(place, own)[name])
        disk.refused = None
        said = " ".join("".join(capsys.readouterr()).split())
        assert code == 1, (number, said)
        assert "could not be written (No space left on device)" in said, said
        assert "Traceback" not in said
        after = contents(own)
        assert before.keys() <= after.keys()
        changed = [file for file in before if before[file] != after[file]]
        # what this command had written before the disk was full, and nothing else
        assert len(changed) <= number, changed
        check_whole(own)
        assert not [f for f in after if f.name.startswith(".segscope-")]
        if name.startswith("train"):
            check_the_same_run(place, own, "new" if name == "train" else "run")
        shutil.rmtree(own)
    print(f"{name}: {len(tried)} of {writes} writes refused")  # pytest -rP shows it


def check_the_same_run(place, own, run):
    """A training goes on when there is room again, and ends with the bits of an undisturbed one."""
    begun = (own / run / ".segscope" / "state.safetensors").is_file()
    words = commands(place, own)["train"]
    if begun:
        words = ["train", place / "data", "-o", own / run, "--resume"]
    assert call(*words) == 0
    for name in ("best", "last"):
        again, whole = (load_file(folder / f"weights_{name}.safetensors")
                        for folder in (own / run, place / "old" / "run"))  # fmt: skip
        assert all(torch.equal(again[key], whole[key]) for key in whole)


SOURCE = sorted(Path(segscope.__file__).parent.rglob("*.py"))


LIBRARIES = ("np.save", "np.savez", "np.savez_compressed", "nib.save", "SimpleITK.WriteImage",
             "save_file", "torch.save", ".savefig", ".to_parquet", "write_table",
             "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copyfileobj",
             "shutil.copytree", "shutil.move")  # fmt: skip
# into a temporary file, an open one of these, or memory
SAFE = {"temporary", "str(temporary)", "opened", "target", "stream", "copy_file"}
LOCKS = ("(folder / 'lock').open('w')", "lock.open('w')")  # hold nothing


def arguments(call):
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def writes(call):
    """Whether a call opens a file to write in it, or hands content to one."""
    name = ast.unparse(call.func)
    modes = [
        a.value for a in arguments(call) if isinstance(a, ast.Constant) and isinstance(a.value, str)
    ]
    if name.endswith("open"):
        return any(set(mode) & set("wax+") and set(mode) <= set("wax+rbt") for mode in modes)
    return name.endswith((".write_text", ".write_bytes", *LIBRARIES))


@pytest.mark.parametrize("file", SOURCE, ids=lambda f: "/".join(f.parts[-2:]))
def test_every_write_is_one_that_is_whole_or_not_at_all(file):
    """Nothing is written but through `segscope.data.files`, whose temporary files are named so."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and writes(node):
            allowed = ast.unparse(node.func).startswith("temporary.")
            allowed |= any(ast.unparse(given) in SAFE for given in arguments(node))
            assert allowed or ast.unparse(node) in LOCKS, f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize(
    "line",
    ["Path('a').write_text('b')", "open('a', mode='w')", "file.open('xb')", "np.save(file, array)",
     "SimpleITK.WriteImage(image, str(file))", "shutil.copytree(a, b)", "block.write_bytes(data)"],
)  # fmt: skip
def test_a_write_past_the_files_would_be_seen(tmp_path, line):
    (tmp_path / "a.py").write_text(line)
    with pytest.raises(AssertionError, match="line 1"):
        test_every_write_is_one_that_is_whole_or_not_at_all(tmp_path / "a.py")


def test_the_counted_writes_are_those_of_the_files(place, tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    found = tmp_path / "scores"
    assert (
        call("evaluate", place / "old" / "predicted", place / "data" / "labelsTr", "-o", found) == 0
    )
    assert disk.count == len(contents(found)) > 1
