"""Folds by subject."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.data import (
    Split,
    make_folds,
    nested_subsets,
    open_dataset,
    read_splits,
    split_by_groups,
    write_splits,
)
from segscope.errors import InputError
from segscope.images import Case


def test_two_subjects_in_two_folds_by_hand():
    cases = [Case(n, (), subject=n[0]) for n in ("a1", "a2", "b1")]
    splits = make_folds(cases, folds=2)
    assert set(splits) == {Split(("b1",), ("a1", "a2")), Split(("a1", "a2"), ("b1",))}


groups = st.lists(st.integers(0, 8), min_size=10, max_size=30)


@given(groups, st.integers(2, 3), st.integers(0, 5), st.randoms())
def test_folds_are_a_partition_by_subject_whatever_the_order(subjects, folds, seed, random):
    cases = [Case(f"case{k}", (), subject=f"s{s}") for k, s in enumerate(subjects)]
    if len(set(subjects)) < folds:
        return
    splits = make_folds(cases, folds=folds, seed=seed)
    assert sorted(n for split in splits for n in split.val) == sorted(c.name for c in cases)
    for split in splits:
        assert set(split.train) | set(split.val) == {c.name for c in cases}
        held = {c.subject for c in cases if c.name in split.val}
        assert not held & {c.subject for c in cases if c.name in split.train}
    sizes = [len(split.val) for split in splits]
    assert max(sizes) - min(sizes) <= max(subjects.count(s) for s in subjects)
    shuffled = list(cases)
    random.shuffle(shuffled)
    assert make_folds(shuffled, folds=folds, seed=seed) == splits


def test_the_seed_decides():
    cases = [Case(f"case{k}", ()) for k in range(30)]
    assert make_folds(cases, seed=1) == make_folds(cases, seed=1)
    assert make_folds(cases, seed=1) != make_folds(cases, seed=2)


def test_hippocampi_of_one_person_stay_together(shared_data):
    dataset = open_dataset(shared_data / "hippocampus")
    subject = {case.name: case.subject for case in dataset.training}
    assert subject["hippocampus_003"] == subject["hippocampus_004"] == "subj002"
    for split in make_folds(dataset.training):
        assert not {subject[n] for n in split.train} & {subject[n] for n in split.val}
        assert 36 <= len(split.val) <= 39


@pytest.mark.parametrize("folds", [0, 1, 2])
def test_folds_that_cannot_be_made_are_refused(folds):
    cases = [Case("a", (), subject="x"), Case("b", (), subject="x")]
    with pytest.raises(InputError, match=r"number of subjects \(1\)"):
        make_folds(cases, folds=folds)


def test_splits_survive_their_file_in_nnunets_form(tmp_path):
    cases = [Case(n, ()) for n in "abcdef"]
    splits = make_folds(cases, folds=3)
    write_splits(tmp_path / "s.json", splits)
    assert read_splits(tmp_path / "s.json", cases=cases) == splits
    plain = json.loads((tmp_path / "s.json").read_text())
    assert plain[0] == {"train": list(splits[0].train), "val": list(splits[0].val)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"train": ["a"], "val": ["a"]}]', "fold 0 trains and validates on a;"),
        ('[{"train": ["a", "a"], "val": ["b"]}]', "fold 0 names a twice in train"),
        ('[{"train": [], "val": ["b"]}]', "fold 0 has no case to train on"),
        ('[{"train": ["a"], "val": []}]', "fold 0 has no case to validate on; move some"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('[{"train": ["a"], "val": ["b"], "val": ["c"]}]', "'val' is there more than once"),
        ('[{"train": "ab", "val": ["b"]}]', "is not a list of folds"),
        ('[{"train": ["a"]}]', "is not a list of folds"),
        ("[]", "is not a list of folds"),
        ("{", "cannot be read as JSON"),
        (None, "no such file"),
    ],
    ids=["both", "twice", "no-train", "no-val", "deep", "key-twice", "text", "no-key", "empty",
         "cut", "missing"],
)  # fmt: skip
def test_a_file_that_is_not_usable_is_refused(tmp_path, content, words):
    file = tmp_path / "s.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=words):
        read_splits(file)


def test_unknown_names_and_leaking_subjects_are_refused(tmp_path):
    file = tmp_path / "s.json"
    cases = [Case("a1", (), subject="a"), Case("a2", (), subject="a"), Case("b", ())]
    file.write_text('[{"train": ["a1", "zz"], "val": ["b"]}, {"train": ["a1"], "val": ["a2"]}]')
    assert len(read_splits(file)) == 2
    with pytest.raises(InputError) as caught:
        read_splits(file, cases=cases)
    first, second = caught.value.problems
    assert "fold 0 names cases that the dataset does not have: zz" in first
    assert "fold 1 trains and validates on the same subject (a)" in second


def grouped(tmp_path, rows):
    (tmp_path / "cases.csv").write_text("case,centre\n" + "\n".join(rows) + "\n")
    return [Case(name, (), subject=name[0]) for name in ("a1", "a2", "b1", "c1")]


def test_cases_split_by_a_column(tmp_path):
    cases = grouped(tmp_path, ["a1,X", "a2,X", "b1,Y", "c1,Z"])
    split = split_by_groups(tmp_path, cases, "centre=X,Y", "centre=Z")
    assert split == Split(("a1", "a2", "b1"), ("c1",))


@pytest.mark.parametrize(
    ("rows", "train", "test", "said"),
    [
        (["a1,X", "a2,Y", "b1,Y", "c1,Y"], "centre=X", "centre=Y", "subject a has cases on both"),
        (["a1,X", "a2,X", "b1,Y", "c1,Y"], "centre=X", "centre=X", "on both sides"),
        (["a1,X", "a2,X", "b1,Y", "c1,Y"], "centre=Q", "centre=Y", "no case has Q; there are X, Y"),
        (["a1,X"], "scanner=X", "centre=X", "no column scanner; there are case, centre"),
        (["a1,X"], "centre", "centre=X", "expected column=value"),
    ],
)
def test_unusable_groups_are_named(tmp_path, rows, train, test, said):
    with pytest.raises(InputError, match=said):
        split_by_groups(tmp_path, grouped(tmp_path, rows), train, test)


@given(st.integers(1, 8), st.integers(0, 5))
def test_larger_subsets_hold_smaller_ones_and_whole_subjects(size, seed):
    cases = [Case(f"{s}{k}", (), subject=s) for s in "abcdefgh" for k in range(1 + ord(s) % 3)]
    found = nested_subsets(cases, [size, 1, 8], seed=seed)
    assert set(found[1]) <= set(found[size]) <= set(found[8]) == {case.name for case in cases}
    for n, names in found.items():
        subjects = {name[0] for name in names}
        assert len(subjects) == n
        assert set(names) == {case.name for case in cases if case.subject in subjects}
    assert found == nested_subsets(cases[::-1], [size, 1, 8], seed=seed)


def test_subset_sizes_are_checked():
    cases = [Case(s, ()) for s in "abc"]
    for sizes in ([], [0], [4]):
        with pytest.raises(InputError, match=r"between 1 and the number of subjects \(3\)"):
            nested_subsets(cases, sizes)
