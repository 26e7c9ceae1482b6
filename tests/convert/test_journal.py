"""The journal of a conversion: what it says is done is done."""

from segscope.convert.journal import Journal


def test_a_line_of_the_journal_that_was_cut_off_counts_as_none(tmp_path):
    file = tmp_path / "done.jsonl"
    with Journal(file) as journal:
        journal.add("a", ["x: y"])
        journal.add("b", [])
    assert Journal(file).notes == {"a": ["x: y"], "b": []}
    file.write_bytes(file.read_bytes()[:-3])
    assert Journal(file).notes == {"a": ["x: y"]}
