"""``segscope report`` asks for what was typed and says where the page is."""

from pathlib import Path

from segscope.workflows.report import Reported, ReportOptions
from tests.cli.asked import Asked
from tests.commands import call


def test_options_reach_the_work(capsys, monkeypatch):
    made = Reported(Path("r.html"), "Ready")
    asked = Asked(monkeypatch, "segscope.workflows.report", "report", made)
    words = ["--audit", "a", "--against", "x=b", "--against", "y=c", "-o", "r.html"]
    assert call(capsys, "report", "run", *words) == (0, "Ready\npage: r.html\n", "")
    assert asked.given == (
        Path("run"),
        ReportOptions(audit=Path("a"), against=("x=b", "y=c"), output=Path("r.html")),
    )
    call(capsys, "report", "run")
    assert asked.given == (Path("run"), ReportOptions())


def test_a_run_that_is_none_is_one_line(capsys, tmp_path):
    code, _, err = call(capsys, "report", tmp_path / "none")
    assert code == 2
    assert err.count("\n") == 1
    assert "none" in err
