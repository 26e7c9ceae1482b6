"""How far it is from a command to its arithmetic, and how often a case is read on the way."""

import inspect
from collections import Counter
from pathlib import Path

import pytest
import torch

import segscope
from segscope.cli.main import main
from segscope.data import readers
from tests.synthetic import write_plane_dataset, write_volume_dataset

ROOT = str(Path(segscope.__file__).parent)
TINY = [
    "--set", "network.widths=[2,4]", "--set", "train.epochs=1", "--set", "train.steps_per_epoch=1",
    "--folds", "3", "--device", "cpu",
]  # fmt: skip


class Seen:
    """Reads of files, and own frames from a command to each convolution."""

    def __init__(self, monkeypatch):
        self.reads, self.deepest = Counter(), []
        read = readers._read

        def counted(path, *, stored):
            self.reads[f"{path.parent.name}/{path.name}"] += 1
            return read(path, stored=stored)

        monkeypatch.setattr(readers, "_read", counted)

    def look(self, module, _):
        if not isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d):
            return
        frame, names = inspect.currentframe(), []
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith(ROOT) and not code.co_filename.endswith("cli/main.py"):
                names.append(code.co_name)
            frame = frame.f_back
        self.deepest = max(self.deepest, names[::-1], key=len)

    def command(self, *words):
        self.reads.clear()
        self.deepest = []
        hook = torch.nn.modules.module.register_module_forward_pre_hook(self.look)
        try:
            with pytest.raises(SystemExit) as stop:
                main([str(word) for word in words])
        finally:
            hook.remove()
        assert stop.value.code == 0
        assert self.deepest[:2] == ["take", words[0]]  # its options first


@pytest.fixture
def seen(monkeypatch):
    return Seen(monkeypatch)


@pytest.fixture(scope="module", params=["planes", "volumes"])
def place(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "planes":
        write_plane_dataset(folder / "data", cases=3, shape=(24, 20))
    else:  # several windows
        write_volume_dataset(folder / "data", cases=3, shape=(20, 40, 16))
    patch = [] if request.param == "planes" else ["--set", "patch=[16,16,16]"]
    with pytest.raises(SystemExit) as stop:
        main(["train", str(folder / "data"), "-o", str(folder / "run"), *TINY, *patch])
    assert stop.value.code == 0
    return folder


@pytest.mark.parametrize(("words", "times"), [(["--no-previews"], 1), ([], 2)],
                         ids=["label_maps", "pictures"])  # fmt: skip
def test_a_prediction_reads_each_image_once_and_is_near_its_network(
    seen, place, tmp_path, words, times
):
    """Once more for its picture, which is drawn from what was written."""
    seen.command("predict", place / "run", "-i", place / "data" / "imagesTr", "-o", tmp_path / "o",
                 "--device", "cpu", "--trust", "off", *words)  # fmt: skip
    images = {file: count for file, count in seen.reads.items() if file.startswith("images")}
    assert set(images.values()) == {times}
    assert len(images) == 3
    # every label map is read back to be measured
    assert [count for file, count in seen.reads.items() if file not in images] == [1] * 3
    assert len(seen.deepest) <= 10, seen.deepest


def test_an_audit_reads_each_case_once_and_is_near_its_network(seen, place, tmp_path):
    seen.command("audit", place / "run", "-i", place / "data", "-o", tmp_path / "a", "--cases",
                 "all", "--device", "cpu")  # fmt: skip
    assert len(seen.reads) == 6
    assert set(seen.reads.values()) == {1}, seen.reads
    assert len(seen.deepest) <= 12, seen.deepest
    assert not list((tmp_path / "a").glob(".*"))  # what was kept meanwhile is gone


def test_a_training_reads_each_case_twice_for_its_plan_and_for_its_cache(seen, place, tmp_path):
    seen.command("train", place / "data", "-o", tmp_path / "run", *TINY)
    own = {file: count for file, count in seen.reads.items() if file[:6] in ("images", "labels")}
    assert len(own) == 6  # the rest are predictions, read back
    assert set(own.values()) == {2}, seen.reads
