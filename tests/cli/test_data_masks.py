"""``segscope data masks`` says size and sides of every mask, and what is odd."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from segscope.workflows.masks import MasksOptions
from tests.cli.asked import Asked
from tests.commands import call


def mask(size_mm, extent_mm, *warnings):
    odd = SimpleNamespace(warnings=warnings) if warnings else None
    figures = SimpleNamespace(size_mm=size_mm, extent_mm=extent_mm)
    return SimpleNamespace(figures=figures, plausibility=odd)


@pytest.fixture
def asked(monkeypatch):
    masks = {"vol": mask(1_250_000.0, (100.0, 125.5, 150.0), "is cut"),
             "pic": mask(300.0, (10.0, 30.0))}  # fmt: skip
    answer = SimpleNamespace(masks=masks, to_dict=lambda: {"masks": 2})
    return Asked(monkeypatch, "segscope.workflows.masks", "masks", answer)


def test_volumes_are_in_millilitres_and_pictures_in_square_millimetres(capsys, asked, tmp_path):
    words = ["--mask", "method=network", "--mask", "run=coarse", "--device", "cpu"]
    code, out, _ = call(capsys, "data", "masks", "-i", tmp_path, "-o", "out", *words)
    assert code == 0
    assert out.splitlines() == [
        "vol: 1250 ml, 100 x 125.5 x 150 mm", "  is cut", "pic: 300 mm^2, 10 x 30 mm",
        "2 masks: out, masks.json, masks.png",
    ]  # fmt: skip
    settings = ("method=network", "run=coarse")
    assert asked.given == (
        tmp_path, Path("out"), MasksOptions(settings=settings, device="cpu")
    )  # fmt: skip


def test_the_threshold_is_the_method_unless_told_otherwise(capsys, asked, tmp_path):
    code, out, _ = call(capsys, "data", "masks", "-i", tmp_path, "-o", "out", "--json")
    assert (code, json.loads(out)) == (0, {"masks": 2})
    assert asked.given[2] == MasksOptions(settings=("method=threshold",))
