"""What an export says of itself."""

import pytest

from segscope.errors import InputError
from segscope.workflows.export import Exported, export_model


def test_its_summary_is_plain(tmp_path):
    done = Exported(tmp_path, "onnx", ("a",), ("checked", "next"))
    assert done.to_dict() == {"folder": str(tmp_path), "form": "onnx", "files": ["a"],
                              "said": ["checked", "next"]}  # fmt: skip


def test_what_is_no_run_or_no_form_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.json"):
        export_model(tmp_path / "none", tmp_path / "out", form="onnx")
    with pytest.raises(InputError, match="onnx or monai"):
        export_model(tmp_path, tmp_path / "out", form="caffe")
    assert not (tmp_path / "out").exists()
