"""Work that is killed, or has no room left, leaves every old file whole and can be done again."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from safetensors.torch import load_file

from segscope.cli.main import main
from segscope.data import Cache, open_dataset, read_image
from segscope.errors import InputError
from segscope.inference import load_model
from segscope.training import labelled
from tests.corpus import write_dataset

TINY = ["network.widths=[4,6]", "train.steps_per_epoch=2", "train.batch_size=2"]
SCRIPT = """
import resource, signal, sys
limit = int(sys.argv[1])
from segscope.cli.main import main
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main(sys.argv[2:])
"""


def start(words, limit=0):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(limit), *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def training(data, run, epochs=4):
    words = ["train", data, "-o", run, "--folds", "2"]
    for setting in (*TINY, f"train.epochs={epochs}"):
        words += ["--set", setting]
    return words


def quietly(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survival")
    write_dataset(folder / "data", ".nii.gz")
    assert quietly(*training(folder / "data", folder / "run")) == 0
    assert quietly("predict", folder / "run", "-i", folder / "data", "-o", folder / "whole") == 0
    return folder


def check_whole(folder):
    """Every file that stands under its own name can be read to its end."""
    for file in folder.rglob("*"):
        if file.name.endswith((".json",)):
            json.loads(file.read_text())
        elif file.name.endswith(".safetensors"):
            load_file(file)
        elif file.name.endswith(".nii.gz"):
            read_image(file)
        elif file.name.endswith(".npy"):
            np.load(file, allow_pickle=False)
        elif file.name.endswith(".png"):
            PillowImage.open(file).verify()


def kills(count, seed=0):
    """Seconds after the start: importing takes about two, the work some more."""
    return np.random.default_rng(seed).uniform(1.0, 6.0, count)


def kill_and_go_on(words, again, folder, waits):
    """Kill at each moment; then let it end. ``again`` are the words once something is there."""
    for wait in waits:
        process = start(again() if folder.exists() else words)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        check_whole(folder)
    process = start(again() if folder.exists() else words)
    said = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.parametrize(
    "count", [1, pytest.param(8, marks=pytest.mark.slow)], ids=["short", "long"]
)
class TestKilled:
    def test_training(self, place, tmp_path, count):
        run = tmp_path / "run"
        words = training(place / "data", run)

        def again():
            begun = (run / ".segscope" / "state.safetensors").exists()
            return ["train", place / "data", "-o", run, "--resume"] if begun else words

        kill_and_go_on(words, again, run, kills(count))
        for name in ("best", "last"):
            file = f"weights_{name}.safetensors"
            killed, whole = (load_file(f / file) for f in (run, place / "run"))
            assert all(torch.equal(killed[key], whole[key]) for key in whole)

    def test_predicting(self, place, tmp_path, count):
        out = tmp_path / "p"
        words = ["predict", place / "run", "-i", place / "data", "-o", out]
        kill_and_go_on(words, lambda: words, out, kills(count, 1))
        for file in (place / "whole").glob("*.nii.gz"):
            assert (out / file.name).read_bytes() == file.read_bytes()

    def test_auditing(self, place, tmp_path, count):
        out = tmp_path / "a"

        def words():
            return ["audit", place / "run", "-i", place / "data", "-o", out / str(len(waits)),
                    "--cases", "all"]  # fmt: skip

        waits = list(kills(count, 2))
        while waits:
            process = start(words())
            time.sleep(waits.pop())
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if out.exists():
                check_whole(out)
        out = tmp_path / "b"
        assert quietly(*words()) == 0

    def test_building_a_cache(self, tmp_path, count):
        folder = tmp_path / "cache"

        def content(number):
            random = np.random.default_rng(number)
            return {name: random.normal(size=(64, 64, 16)) for name in ("image", "places")}

        def build_on():
            cache, number = Cache(folder), len(list(folder.glob("[0-9]*.arrays")))
            while True:
                cache.get(str(number), partial(content, number))
                number += 1

        random, kills_done, deadline = np.random.default_rng(5), 0, time.monotonic() + 1800
        # as many kills as were promised, and more where the machine is slow
        while kills_done < 10 * count or len(list(folder.glob("[0-9]*.arrays"))) <= 5 * count:
            assert time.monotonic() < deadline
            child = os.fork()
            if child == 0:
                build_on()
            time.sleep(random.uniform(0.01, 0.1))
            os.kill(child, signal.SIGKILL)
            kills_done += 1
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        cache, entries = Cache(folder), list(folder.glob("[0-9]*.arrays"))
        assert len(entries) > 5 * count
        for entry in entries:
            arrays = cache.get(entry.stem, lambda: pytest.fail("an entry was not whole"))
            assert all((arrays[n] == a).all() for n, a in content(int(entry.stem)).items())

    def test_a_study(self, place, tmp_path, count):
        out = tmp_path / "s"
        words = ["study", "gbm", place / "data", "-o", out, "--test-subjects", "1",
                 "--val-subjects", "1", "--sizes", "1", "--seeds", "1", "--mask",
                 "method=labels", "--no-upper-bound"]  # fmt: skip
        for setting in (*TINY, "train.epochs=1"):
            words += ["--set", setting]
        kill_and_go_on(words, lambda: words, out, kills(count, 3))
        facts = json.loads((out / "study.json").read_text())
        assert facts["undone"] == []
        assert len(facts["arms"]["dice"]) == 3

    def test_a_classifier(self, place, tmp_path, count):
        data = tmp_path / "planes"
        write_dataset(data, ".png", cases=10)
        words = ["classify", "train", data, "--model", "test_resnet", "--size", "32",
                 "--set", "epochs=3"]  # fmt: skip
        assert quietly(*words, "-o", tmp_path / "whole") == 0
        run = tmp_path / "run"

        def again():
            if (run / ".segscope" / "state.safetensors").exists():
                return ["classify", "train", data, "-o", run, "--resume"]
            return [*words, "-o", run]

        kill_and_go_on([*words, "-o", run], again, run, kills(count, 4))
        file = "weights_last.safetensors"
        killed, whole = (load_file(f / file) for f in (run, tmp_path / "whole"))
        assert all(torch.equal(killed[key], whole[key]) for key in whole)


LIMITS = [200, 3000, 9000]


@pytest.mark.parametrize("limit", [*LIMITS[:1], *(pytest.param(n, marks=pytest.mark.slow)
                                                  for n in LIMITS[1:])])  # fmt: skip
def test_a_full_disk_leaves_old_files_whole_and_is_said(place, tmp_path, limit):
    """Files cannot grow beyond the limit: each kind of write fails at some."""
    import shutil

    shutil.copytree(place / "run", tmp_path / "run")
    shutil.copytree(place / "whole", tmp_path / "p")
    shutil.rmtree(tmp_path / "run" / ".segscope" / "cache")
    run, data = tmp_path / "run", place / "data"
    for words in (
        ["train", data, "-o", run, "--resume"],
        ["predict", run, "-i", data, "-o", tmp_path / "p", "--overwrite"],
        ["audit", run, "-i", data, "-o", tmp_path / "a", "--cases", "all"],
        ["evaluate", place / "whole", data / "labelsTr", "-o", tmp_path / "p"],
    ):
        before = {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()}
        process = start(words, limit)
        _, said = process.communicate()
        # nothing that these write is smaller than the smallest limit
        assert process.returncode in ((1,) if limit == LIMITS[0] else (0, 1)), (words, said)
        assert "Traceback" not in said
        if process.returncode:
            assert "could not be written" in said or "could not" in said, said
        for file, content in before.items():
            now = file.read_bytes()
            same = now == content
            # what was replaced was replaced as a whole: it is read below
            assert same or len(now) <= limit, file
        check_whole(tmp_path)
    assert not [f for f in tmp_path.rglob("*") if f.name.startswith(".segscope-")]


def test_a_full_disk_while_the_cache_is_built_leaves_no_entry(tmp_path):
    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            Cache(tmp_path / "cache").get("k", lambda: {"a": np.zeros(10_000)})
        except Exception as error:
            return 0 if type(error).__name__ == "WorkError" else 2
        return 1

    child = os.fork()
    if child == 0:
        os._exit(work())
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert not list((tmp_path / "cache").iterdir())


def test_a_dataset_that_changed_is_not_gone_on_with(place, tmp_path):
    import shutil

    shutil.copytree(place / "run", tmp_path / "run")
    shutil.copytree(place / "data", tmp_path / "data")
    file = next(iter(labelled(open_dataset(tmp_path / "data")))).image_files[0]
    file.write_bytes((tmp_path / "data" / "imagesTr" / "c2_0000.nii.gz").read_bytes())
    from segscope.data import measure_fingerprint
    from segscope.training import evaluate_validation, read_recipe, train_dataset

    data = open_dataset(tmp_path / "data")
    recipe = read_recipe(tmp_path / "run" / "recipe.yaml")
    with pytest.raises(InputError, match="have changed since"):
        train_dataset(data, measure_fingerprint(data), recipe, tmp_path / "run", resume=True)
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    file = next(c for c in data.training if c.name == split["val"][0]).image_files[0]
    other = next(c for c in data.training if c.name == split["train"][0]).image_files[0]
    file.write_bytes(other.read_bytes())
    with pytest.raises(InputError, match="have changed since"):
        evaluate_validation(tmp_path / "run", data)
    assert load_model(tmp_path / "run")  # which is as it was
