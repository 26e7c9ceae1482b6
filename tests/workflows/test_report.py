"""What a page needs is told before it is made."""

from pathlib import Path

import pytest

from segscope.errors import InputError
from segscope.workflows.report import ReportOptions, report


def test_other_audits_are_named_as_text_or_by_name():
    expected = {"x": Path("a=b"), "y": Path("c")}
    assert ReportOptions(against=["x=a=b", "y=c"]).others() == expected
    assert ReportOptions(against={"x": "a=b", "y": Path("c")}).others() == expected
    assert ReportOptions().others() == {}


@pytest.mark.parametrize("text", ["x", "=a", "x=", ""])
def test_what_names_no_audit_is_told(text):
    with pytest.raises(InputError, match="expected NAME=FOLDER of an audit"):
        ReportOptions(against=[text]).others()


def test_what_is_asked_must_be_there(tmp_path):
    with pytest.raises(InputError, match=r"holds no model\.json"):
        report(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(InputError, match="audit: holds no audit; run segscope audit"):
        report(tmp_path, ReportOptions(audit=tmp_path / "audit"))
    with pytest.raises(InputError, match="--against x: expected"):
        report(tmp_path, ReportOptions(against=["x"], make=False))
    with pytest.raises(InputError, match="--good 1: must lie"):
        report(tmp_path, ReportOptions(good=1.0, make=False))
    (tmp_path / "split.json").write_text('{"val": ["x"], "dataset": "/no/such/dataset"}')
    with pytest.raises(InputError, match="no folder now; name it by --dataset, or say --no-audit"):
        report(tmp_path)
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "audit").exists()
