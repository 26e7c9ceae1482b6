"""A page of predictions: small, and honest about what it leaves out."""

import io

import numpy as np
import pytest
from PIL import Image

from segscope.images.sizes import LabelSize, Unit
from segscope.workflows.predicted import Found
from segscope.workflows.predicted_page import write_predicted_page

ML = Unit("volume_ml", "ml", 0.001)


@pytest.fixture
def preview(tmp_path):
    """More noise than a photograph has."""
    stream = io.BytesIO()
    noise = np.random.default_rng(0).normal(128, 12, (400, 420, 3)).clip(0, 255)
    Image.fromarray(noise.astype(np.uint8)).save(stream, "PNG")
    file = tmp_path / "p.png"
    file.write_bytes(stream.getvalue())
    return file


def found(name, preview, voxels=1500, notes=()):
    return Found(name, ML, {"liver": LabelSize(voxels, 1, voxels)}, preview, notes)


def test_twenty_cases_stay_below_one_and_a_half_megabytes(tmp_path, preview):
    file = write_predicted_page(tmp_path / "r.html", [found(f"c{k}", preview) for k in range(20)])
    assert file.stat().st_size < 1.5e6
    assert file.read_text().count("1.5 ml") == 40  # the size, and its largest piece


def test_what_has_no_picture_and_where_nothing_was_found_is_said(tmp_path, preview, monkeypatch):
    monkeypatch.setattr("segscope.workflows.predicted_page._PICTURED", 1)
    cases = [found("a", preview), found("b", preview, voxels=0), found("c", preview, notes=("!",))]
    text = write_predicted_page(tmp_path / "r.html", cases).read_text()
    assert "In 1 nothing was found: b." in text
    assert "2 more cases are in the table only" in text
    assert "<figcaption>c" in text
    assert "<figcaption>a" not in text
