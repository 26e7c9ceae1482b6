"""Tables for notebooks: everything that comes from data is escaped."""

from xml.etree import ElementTree

from segscope.metrics.html_table import html_table


def test_cells_are_escaped_and_undefined_ones_empty():
    rows = [["<script>", float("nan")], ["a & b", None], ["c", 3]]
    table = ElementTree.fromstring(html_table(["<case>", "dice"], rows, "<x>"))
    assert [cell.text for cell in table.iter("td")] == ["<script>", None, "a & b", None, "c", "3"]
    assert [cell.text for cell in table.iter("th")] == ["<case>", "dice"]
    assert table.find("caption").text == "<x>"
