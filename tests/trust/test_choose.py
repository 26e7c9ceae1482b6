"""Choosing: folds by subject, the simplest that is good enough, nothing seen of itself."""

import numpy as np

import segscope.trust.choose as choose
from segscope.trust.choose import CLEAN, Table, assign_folds, choose_family, cross_fit


def table(n=40, kinds=("", "noise", "blur"), bend=0.0, noise=0.02, seed=0):
    random = np.random.default_rng(seed)
    x = random.uniform(size=(n * len(kinds), 2))
    y = 0.2 + 0.6 * x[:, 0] + bend * x[:, 1] + random.normal(0, noise, len(x))
    subjects = np.tile([f"s{k}" for k in range(n)], len(kinds))
    return Table(x, y.clip(0, 1), subjects, np.repeat(np.array(kinds), n), (1, 1))


def test_folds_keep_subjects_together_and_are_alike():
    names = [f"s{k % 13}" for k in range(50)]
    fold = assign_folds(names, 5, 3)
    of = {name: {int(f) for n, f in zip(names, fold, strict=True) if n == name} for name in names}
    assert all(len(found) == 1 for found in of.values())
    counts = np.bincount([next(iter(found)) for found in of.values()])
    assert sorted(counts.tolist()) == [2, 2, 3, 3, 3]
    assert assign_folds(["a", "b"], 5, 0).max() == 1


def test_the_simplest_is_taken_where_it_is_good_enough():
    assert choose_family(table(noise=0.15), ("isotonic", "ridge", "trees")) == "isotonic"
    assert choose_family(table(bend=0.4), ("isotonic", "ridge", "trees")) == "ridge"


def test_no_row_helps_to_predict_its_own_subject_or_kind(monkeypatch):
    known, asked = table(10), []

    class Spy:
        def __init__(self, rows):
            self.rows = rows

        def predict(self, x):
            asked.append((self.rows, x))
            return np.full(len(x), 0.5)

    monkeypatch.setattr(Table, "fit", lambda self, family: Spy(self))
    found = cross_fit(known, ("isotonic",))
    assert found.predicted.tolist() == [0.5] * 30
    assert len(found.models) == 5
    place = {tuple(row): k for k, row in enumerate(known.x)}
    for rows, x in asked:
        for row in x:
            k = place[tuple(row)]
            assert known.subjects[k] not in rows.subjects
            if known.kinds[k] != CLEAN:
                assert known.kinds[k] not in rows.kinds
    assert sum(len(x) for _, x in asked) == 30


def test_kinds_are_left_out_in_groups(monkeypatch):
    monkeypatch.setattr(choose, "_KIND_GROUPS", 2)
    groups = choose._kind_groups(np.array(["", "a", "b", "c", "a"]))
    assert groups.tolist() == [-1, 0, 1, 0, 0]
