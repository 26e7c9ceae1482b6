"""``segscope data check`` counts problems and writes them."""

import json

from tests.commands import call
from tests.synthetic import write_plane_dataset


def test_check_counts_problems(capsys, tmp_path):
    folder = write_plane_dataset(tmp_path / "data", cases=2)
    code, out, _ = call(capsys, "data", "check", folder)
    assert code == 0
    assert "0 problems" in out
    (folder / "imagesTr" / "p0_0000.png").write_bytes(b"x")
    code, out, _ = call(capsys, "data", "check", folder, "-o", tmp_path / "report.json")
    assert code == 2
    assert "cannot be decoded" in out
    assert json.loads((tmp_path / "report.json").read_text())["problems"][0]["case"] == "p0"
