"""``audit``, ``quality`` and ``report`` as a person types them."""

import importlib.util
import json
import shutil
import subprocess

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from segscope.cli.main import main
from segscope.data import read_image
from tests.commands import call
from tests.synthetic import write_plane_dataset, write_volume_dataset

TINY = [
    "network.widths=[4,6,8]", "train.epochs=3", "train.steps_per_epoch=4", "train.batch_size=4",
    "train.learning_rate=0.01", "train.snapshots=[1,2,3]", "augment.mirror_axes=[0,1]",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    write_plane_dataset(folder / "data", cases=9)
    for name, extra in (("run", []), ("online", ["--set", "loss.prototype=1.0"])):
        words = ["train", str(folder / "data"), "-o", str(folder / name), "--recipe", "protoseg"]
        words += ["--folds", "3", *extra]
        for setting in TINY:
            words += ["--set", setting]
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    return folder


@pytest.fixture(scope="module")
def audited(place):
    words = ["audit", place / "run", "-i", place / "data", "-o", place / "audit"]
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in [*words, "--ensemble", place / "online"]])
    assert ended.value.code == 0
    return place


def test_an_audit_leaves_tables_json_heat_maps_and_pictures(audited):
    folder = audited / "audit"
    facts = json.loads((folder / "audit.json").read_text())
    assert facts["format"] == 1
    split = json.loads((audited / "run" / "split.json").read_text())
    assert [case["name"] for case in facts["cases"]] == split["val"]
    assert set(facts["cases"][0]["quality"]) >= {"max_probability", "tta", "ensemble", "vog"}
    for table in ("cases", "layers", "units"):
        assert len((folder / f"{table}.csv").read_text().splitlines()) > 3
    for name in split["val"]:
        heat = read_image(folder / "heatmaps" / f"{name}.png")
        image = read_image(audited / "data" / "imagesTr" / f"{name}_0000.png")
        assert heat.grid.shape == image.grid.shape
        assert heat.array.max() > 0
    for name in ("layers", "layers_worst", "units"):
        with Image.open(folder / "pictures" / f"{name}.png") as picture:
            assert picture.size[0] > 300


def test_an_audit_of_training_cases_names_suspicious_labels_first(capsys, place, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(place / "data", data)
    split = json.loads((place / "run" / "split.json").read_text())
    wrong = data / "labelsTr" / f"{split['train'][2]}.png"
    with Image.open(wrong) as picture:
        mask = np.asarray(picture)
    Image.fromarray(np.roll(mask, 20, 0)).save(wrong)
    code, out, _ = call(
        capsys, "audit", place / "run", "-i", data, "-o", tmp_path / "a", "--cases", "train"
    )
    assert code == 0
    first = out.split("labels to look at first")[1].splitlines()[1]
    assert split["train"][2] in first


def test_images_outside_of_a_dataset_with_and_without_truth(capsys, place, tmp_path):
    images, labels = place / "data" / "imagesTr", place / "data" / "labelsTr"
    words = ["audit", place / "run", "-i", images]
    code, out, _ = call(capsys, *words, "--truth", labels, "-o", tmp_path / "a", "--json")
    assert code == 0
    assert len(json.loads(out)["mu"]) == 9
    code, out, _ = call(capsys, *words, "-o", tmp_path / "b", "--units", "decoder.1.5")
    assert code == 0
    assert "agreement with the output" in out
    units = (tmp_path / "b" / "units.csv").read_text().splitlines()
    assert {line.split(",")[1] for line in units[1:]} == {"decoder.1.5"}


def test_a_network_of_ones_own(capsys, place, tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n\n\ndef make():\n    return nn.Sequential(\n"
        "        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 1))\n"
    )
    with (tmp_path / "my_nets.py").open("a") as more:
        more.write(
            "\n\ndef broken():\n    raise KeyError('gone')\n\n\n"
            "class Strict(nn.Conv2d):\n    def forward(self, x):\n"
            "        raise AssertionError('height is not 224')\n\n\n"
            "def strict():\n    return Strict(1, 2, 1)\n"
        )
    (tmp_path / "unreadable.py").write_text("def (:\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    from importlib import import_module, invalidate_caches

    invalidate_caches()
    monkeypatch.syspath_prepend(str(tmp_path))
    torch.save(import_module("my_nets").make().state_dict(), tmp_path / "w.pt")
    words = ["audit", "--model", "my_nets:make", "-i", place / "data", "-o", tmp_path / "a"]
    code, out, err = call(capsys, *words)
    assert code == 2
    assert "--prepare asis" in err
    assert not (tmp_path / "a").exists()
    words += ["--prepare", "segscope"]
    code, out, err = call(capsys, *words, "--weights", tmp_path / "w.pt", "--cases", "all")
    assert code == 0
    assert "9 cases" in out
    assert "minus its own mean" in err
    kept = json.loads((tmp_path / "a" / "audit.json").read_text())["made_with"]["preparation"]
    assert kept["name"] == "segscope"
    assert kept["plan"]["channels"][0]["scheme"] == "zscore"
    for change, said in (
        (["--model", "my_nets"], "module:function"),
        (["--model", "no_such:make"], "cannot import"),
        (["--model", "my_nets:none"], "no function"),
        (["--model", "my_nets:broken"], "the function fails: KeyError: 'gone'"),
        (["--model", "my_nets:strict"], "AssertionError: height is not 224"),
        (["--model", "unreadable:make"], "importing unreadable fails: SyntaxError"),
        (["--model", "leaving:make"], "importing leaving fails: SystemExit"),
        (["--model", "my_nets:make", "--weights", place / "run" / "weights_best.safetensors"],
         "does not fit the network"),
    ):  # fmt: skip
        code, out, err = call(capsys, "audit", "-i", place / "data", "-o", tmp_path / "b",
                              "--prepare", "asis", *change)  # fmt: skip
        assert code == 2
        assert said in " ".join((out + err).split())
        assert not (tmp_path / "b").exists()


def test_tables_as_parquet_where_pyarrow_is_there(capsys, place, tmp_path, monkeypatch):
    words = ["audit", place / "run", "-i", place / "data", "-o", tmp_path / "a", "--parquet"]
    with monkeypatch.context() as without:
        real = importlib.util.find_spec
        hidden = lambda name, *a: None if name == "pyarrow" else real(name, *a)  # noqa: E731
        without.setattr(importlib.util, "find_spec", hidden)
        code, out, err = call(capsys, *words)
    assert code == 2
    assert "segscope[parquet]" in out + err
    assert not (tmp_path / "a").exists()
    assert call(capsys, *words)[0] == 0
    table = pq.read_table(tmp_path / "a" / "layers.parquet")
    assert table.num_rows == len((tmp_path / "a" / "layers.csv").read_text().splitlines()) - 1


def test_quality_ranks_compares_and_predicts(capsys, place, tmp_path):
    words = ["quality", place / "run", "-i", place / "data", "--ensemble", place / "online"]
    code, out, _ = call(capsys, *words, "-o", tmp_path / "q")
    assert code == 0
    assert "cases to look at first" in out
    assert "dropout: not available, the network has no dropout" in out
    facts = json.loads((tmp_path / "q" / "quality.json").read_text())
    mus = [row["mu"] for row in facts["cases"]]
    assert mus == sorted(mus)
    assert {"mu", "tta", "vog", "ensemble"} <= set(facts["figures"])
    assert set(facts["figures"]["mu"]["kept"]) == {"1.0", "0.9", "0.7", "0.5"}
    assert len((tmp_path / "q" / "quality.csv").read_text().splitlines()) == 1 + len(mus)

    images = tmp_path / "new"
    shutil.copytree(place / "data" / "imagesTr", images)
    words = ["quality", place / "run", "-i", images, "--calibrate", place / "data"]
    code, out, err = call(capsys, *words, "--method", "isotonic")
    assert code == 2
    assert "too few cases" in out + err


def test_a_report_shows_every_section(capsys, audited, tmp_path):
    code, _, _ = call(
        capsys, "report", audited / "run", "--audit", audited / "audit", "-o", tmp_path / "r.html"
    )
    assert code == 0
    text = (tmp_path / "r.html").read_text()
    for title in ("Training", "What each layer could segment", "What single units could segment",
                  "Cases, the ones to look at first"):  # fmt: skip
        assert f">{title}</h2>" in text
    assert text.count("data:image/png;base64,") >= 6


def test_a_report_refuses_the_audit_of_another_network(capsys, audited, tmp_path):
    words = ["report", audited / "online", "--audit", audited / "audit", "-o", tmp_path / "r.html"]
    code, out, err = call(capsys, *words)
    assert code == 2
    assert f"{audited / 'audit' / 'manifest.json'}: this audit is of other weights" in out + err
    assert not (tmp_path / "r.html").exists()


def test_a_report_refuses_a_log_that_the_run_did_not_write(capsys, audited, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(audited / "run", run)
    (run / "log.csv").write_bytes((audited / "online" / "log.csv").read_bytes())
    code, out, err = call(capsys, "report", run, "--audit", audited / "audit")
    assert code == 2
    assert f"{run / 'log.csv'}: is not the one that this run wrote" in out + err


@pytest.mark.parametrize("command", ["audit", "cam", "quality", "prune"])
def test_a_run_that_lost_its_split_does_not_take_its_training_cases(
    capsys, place, tmp_path, command
):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    (run / "split.json").unlink()
    words = [command, run, "-o", tmp_path / "out"]
    words += [] if command == "prune" else ["-i", place / "data"]
    code, out, err = call(capsys, *words)
    assert code == 2
    assert "split.json" in out + err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["audit", "-i", "DATA", "-o", "NEW"], "either a RUN or --model"),
        (["audit", "RUN", "-o", "NEW"], "-i INPUT and -o OUTPUT are needed"),
        (["audit", "RUN", "-i", "DATA", "-o", "DATA"], "not an empty folder"),
        (["audit", "RUN", "-i", "DATA", "-o", "NEW", "--layer", "encoder.9.2"], "near are encoder"),
        (["audit", "RUN", "-i", "DATA", "-o", "NEW", "--units", "nothing"], "not among the layers"),
        (["audit", "RUN", "-i", "DATA", "-o", "NEW", "--cases", "some"], "expected one of"),
        (["audit", "RUN", "-i", "DATA", "-o", "NEW", "--cases", "test"], "has none"),
        (["audit", "RUN", "-i", "NONE", "-o", "NEW"], "no such file"),
        (["audit", "RUN", "-i", "DATA", "-o", "NEW", "--prepare", "asis"], "no such choice"),
        (["quality", "RUN", "-i", "NONE"], "no such file"),
        (["quality", "RUN", "-i", "DATA", "--calibrate", "DATA"], "predicted from itself"),
        (["quality", "RUN", "-i", "DATA", "--ensemble", "DATA"], "model.json"),
        (["report", "RUN", "--audit", "NONE"], "run segscope audit"),
        (["report", "RUN", "--good", "2"], "between 0 and 1"),
        (["report", "DATA"], "model.json"),
        (["study", "protoseg", "DATA", "-o", "NEW", "--budget", "x"], "minutes, hours, paper"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(capsys, place, words, said):
    names = {"DATA": "data", "RUN": "run", "NEW": "new", "NONE": "none"}
    before = sorted(place.rglob("*"))
    code, out, err = call(capsys, *(place / names[w] if w in names else w for w in words))
    assert code == 2
    assert said in " ".join((out + err).split())
    assert sorted(place.rglob("*")) == before


def test_volumes_are_audited_in_windows_and_in_slices(capsys, tmp_path):
    write_volume_dataset(tmp_path / "data", cases=6)
    for dims in (2, 3):
        words = ["train", tmp_path / "data", "-o", tmp_path / f"r{dims}", "--folds", "3"]
        for setting in ("network.widths=[4,6]", "train.epochs=1", "train.steps_per_epoch=2",
                        "train.batch_size=2", f"preprocessing.spatial_dims={dims}",
                        f"patch={[12] * dims}"):  # fmt: skip
            words += ["--set", setting]
        assert call(capsys, *words)[0] == 0
        code, _, _ = call(
            capsys, "audit", tmp_path / f"r{dims}", "-i", tmp_path / "data", "-o",
            tmp_path / f"a{dims}",
        )  # fmt: skip
        assert code == 0
        for file in (tmp_path / f"a{dims}" / "heatmaps").iterdir():
            image = read_image(
                tmp_path / "data" / "imagesTr" / file.name.replace(".nii", "_0000.nii")
            )
            assert read_image(file).grid.matches(image.grid)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_draws_every_chart_and_picture(capsys, audited, tmp_path):
    page = tmp_path / "r.html"
    call(capsys, "report", audited / "run", "--audit", audited / "audit", "-o", page)
    shot = tmp_path / "r.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    browser = ["chromium", *options, "--virtual-time-budget=8000", "--window-size=1100,9000"]
    how = {"check": True, "capture_output": True, "timeout": 120}
    subprocess.run([*browser, f"--screenshot={shot}", page.as_uri()], **how)
    dom = subprocess.run([*browser, "--dump-dom", page.as_uri()], text=True, **how).stdout
    assert dom.count('<svg class="chart"') >= 4
    assert dom.count('<button type="button">') > 10  # the script made the tables sortable
    with Image.open(shot) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (np.ptp(pixels, axis=2) > 60).sum() > 20_000  # coloured lines and heat-maps


def test_a_report_audits_what_was_not_audited_unless_told_not_to(capsys, audited, tmp_path):
    run = shutil.copytree(audited / "run", tmp_path / "run")
    code, out, err = call(capsys, "report", run, "--no-audit", "-o", tmp_path / "short.html")
    assert (code, err) == (0, "")
    assert not (run / "audit").exists()
    short = (tmp_path / "short.html").read_text()
    assert "What each layer could segment" not in short
    code, out, err = call(capsys, "report", run)
    assert code == 0
    assert "was not audited" in err
    assert (run / "audit" / "audit.json").is_file()
    text = (run / "report.html").read_text()
    assert "What each layer could segment" in text
    assert out.splitlines()[0] in text  # the verdict
    assert len(text) < 1_500_000
