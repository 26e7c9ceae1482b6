"""Pages: everything escaped, nothing fetched, every chart and picture there."""

import re

import pytest

from segscope.errors import InputError
from segscope.report import Lines, Picture, Section, Table, page, read_log

EVIL = "<img src=x onerror=alert(1)>"
PNG = b"\x89PNG\r\n\x1a\n"


def test_text_from_data_cannot_become_markup():
    text = page(
        EVIL,
        [Section(EVIL, [EVIL], [Table([EVIL], [[EVIL]], EVIL)], [], [Picture(PNG, EVIL)])],
    )
    assert EVIL not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") >= 7


def test_names_of_curves_cannot_become_markup():
    text = page("t", [Section("s", charts=[Lines({"</script>" + EVIL: ([0], [1])}, "x", "y")])])
    assert "</script>" + EVIL not in text
    assert EVIL not in text


def test_nothing_is_fetched_from_anywhere():
    chart = Lines({"a": ([0, 1], [1, 2])}, "epoch", "loss")
    text = page("t", [Section("s", charts=[chart, chart], pictures=[Picture(PNG, "c")])])
    assert not re.findall(
        r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//", text
    )
    assert text.count('<svg class="chart"') == 2
    assert "data:image/png;base64,iVBORw0KGgo" in text


def test_numbers_are_short_and_undefined_ones_empty():
    text = page(
        "t", [Section("s", tables=[Table(["a"], [[0.123456], [float("nan")], [None], [7]])])]
    )
    cells = re.findall(r"<td[^>]*>\s*(.*?)\s*</td>", text)
    assert cells == ["0.1235", "", "", "7"]


def test_a_log_becomes_one_curve_per_column(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("epoch,train_loss,val_dice\n0,1.5,\n1,1.0,0.25\n")
    assert read_log(file) == {"train_loss": ([0, 1], [1.5, 1.0]), "val_dice": ([1], [0.25])}


@pytest.mark.parametrize(
    "content",
    [b"epoch,loss\n0,high\n", b"loss\n1.5\n", b"epoch,loss\n0,1,2\n", b"epoch,loss\n0,\xe4\n"],
    ids=["text", "no-epoch", "one-more", "latin-1"],
)
def test_a_log_of_another_form_is_refused_by_name(tmp_path, content):
    file = tmp_path / "log.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"log\.csv: is not"):
        read_log(file)
