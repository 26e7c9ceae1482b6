"""This machine's own figures: what is timed, how often, and how it is said."""

import json
import time

import pytest
import torch

from segscope.errors import InputError
from segscope.inference.device import has_bf16
from segscope.workflows import benchmark
from segscope.workflows.benchmark import MachineSpeed, Step, measure_machine
from tests.commands import call

SMALL = {"2d": (32, 32), "3d": (16, 16, 16)}
STEP = Step(image=(256, 256), patch=(64, 64), batch=8, step_s=0.5, step_bf16_s=None, predict_s=0.25)
SPEED = MachineSpeed(
    device="cpu",
    threads=2,
    matmul_gflops=99.6,
    matmul_bf16_gflops=200.0,
    read_gz_mb_s=300.0,
    write_mb_s=800.0,
    evaluate_s=0.02,
    steps={"2d": STEP},
)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(benchmark, "_SIZES", SMALL)
    monkeypatch.setattr(benchmark, "_PIECE_S", 0.0)
    monkeypatch.setattr(benchmark, "_SIDE", 16)


def test_a_machine_is_measured_whole(quick):
    found = measure_machine("cpu").to_dict()
    assert found["device"] == "cpu"
    assert found["threads"] == torch.get_num_threads()
    assert found["steps"].keys() == {"2d", "3d"}
    for name, step in found["steps"].items():
        assert step["image"] == SMALL[name]
        assert step["step_s"] > 0
        assert step["predict_s"] > 0
        assert (step["step_bf16_s"] is None) == (not has_bf16(torch.device("cpu")))
    for name in ("matmul_gflops", "read_gz_mb_s", "write_mb_s", "evaluate_s"):
        assert found[name] > 0
    json.dumps(found)


def test_the_first_round_warms_up_and_the_median_of_the_others_counts(monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 13.0, 20.0, 22.0])  # rounds of 1, 3 and 2 seconds
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    rounds = []
    assert benchmark._seconds(lambda: rounds.append(1), most_s=5.0) == 2.0
    assert len(rounds) == 4


def test_speed_of_a_product_counts_multiplications_and_additions(monkeypatch):
    monkeypatch.setattr(benchmark, "_seconds", lambda work, device, most_s: 0.5)
    # 2 x 10 x 10 x 10 operations in half a second
    assert benchmark._matmul(torch.device("cpu"), torch.float32, 10) == pytest.approx(4e-6)


def test_a_whole_image_is_foretold_by_its_windows(quick, monkeypatch):
    sizes = {"3d": (64, 64, 64)}
    monkeypatch.setattr(benchmark, "_SIZES", sizes)
    monkeypatch.setattr(benchmark, "_seconds", lambda work, device: 1.0)
    step = benchmark._step("3d", torch.device("cpu"), half=False)
    # patch 48 x 48 x 40 of 64: two or three starts an axis, of which the part has two
    assert step.step_bf16_s is None
    starts = [len({min(k * (p // 2), 64 - p) for k in range(9)}) for p in step.patch]
    assert step.predict_s == pytest.approx(starts[0] * starts[1] * starts[2] / 8)


def test_figures_are_said_in_words():
    lines = list(SPEED.lines())
    assert lines[0] == "device cpu, 2 threads"
    assert lines[1] == "matrix product: 100 GFLOP/s in float32, 200 in bfloat16"
    assert lines[2] == (
        "images of 256 x 256: a training step 0.5 s, patch 64 x 64, batch 8: 1800 steps in 15 "
        "minutes; to predict one 0.25 s"
    )
    assert lines[3] == "reading .nii.gz: 300 MB/s; writing: 800 MB/s"


def test_info_prints_them(monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "measure_machine", lambda device: SPEED)
    code, out, _ = call(capsys, "info", "--benchmark")
    assert code == 0
    assert "1800 steps in 15 minutes" in out
    code, out, _ = call(capsys, "info", "--benchmark", "--json")
    assert code == 0
    assert json.loads(out)["speed"]["steps"]["2d"]["step_s"] == 0.5


def test_devices_that_are_not_here_and_not_asked_for_are_refused(capsys):
    with pytest.raises(InputError, match="is not here"):
        measure_machine("cuda:99")
    code, _, err = call(capsys, "info", "--device", "cpu")
    assert code == 2
    assert "--device: is for --benchmark" in err
