"""The demo on your own data."""

from segscope.studies.demo import run_demo

from tests.synthetic import write_volume_dataset


def test_the_demo_runs_on_your_own_data(tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=6)
    result = run_demo(tmp_path / "out", data=data, max_minutes=0.05)
    text = (tmp_path / "out" / "report.html").read_text()
    assert text.count('<img src="data:image/png') == 2
    assert result.levels == 4
    assert (tmp_path / "out" / "pruned" / "model.json").is_file()
