"""``segscope data export`` writes a dataset in another form, or says which there are."""

import nibabel as nib

from tests.commands import call
from tests.synthetic import write_volume_dataset


def test_a_dataset_is_written_and_counted(capsys, tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=2, shape=(5, 6, 7))
    code, out, _ = call(capsys, "data", "export", data, "-o", tmp_path / "msd", "--to", "msd")
    assert code == 0
    assert out.startswith("2 cases: ")
    written = sorted((tmp_path / "msd" / "imagesTr").iterdir())
    assert len(written) == 2
    assert nib.load(written[0]).shape == (5, 6, 7)


def test_a_form_that_is_none_is_refused_and_nothing_is_written(capsys, tmp_path):
    data = write_volume_dataset(tmp_path / "data", cases=1, shape=(5, 6, 7))
    code, _, err = call(capsys, "data", "export", data, "-o", tmp_path / "new", "--to", "zip")
    assert code == 2
    assert "bids" in err
    assert not (tmp_path / "new").exists()
