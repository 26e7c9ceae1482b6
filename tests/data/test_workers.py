"""Work by several threads comes in the items' order; few files are read by one."""

import os
import threading

import pytest

from segscope.data.workers import ordered_map, reading_workers


def test_results_come_in_order_even_where_the_first_is_the_last_to_end():
    second = threading.Event()

    def work(k):
        if k == 0:
            assert second.wait(60)
        if k == 1:
            second.set()
        return k

    assert list(ordered_map(work, range(6), workers=2)) == list(range(6))


def test_one_worker_works_in_this_thread():
    here = threading.get_ident()
    assert set(ordered_map(lambda _: threading.get_ident(), range(3), workers=1)) == {here}
    assert here not in set(ordered_map(lambda _: threading.get_ident(), range(3), workers=2))


def test_no_more_than_two_items_a_worker_are_begun_ahead():
    taken = []

    def items():
        for k in range(20):
            taken.append(k)
            yield k

    results = ordered_map(lambda k: k, items(), workers=2)
    assert next(results) == 0
    assert taken == [0, 1, 2, 3]
    results.close()
    assert len(taken) == 4


def test_an_error_comes_at_its_place_and_ends_the_work():
    def work(k):
        if k == 2:
            raise ValueError("of 2")
        return k

    results = ordered_map(work, range(9), workers=3)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="of 2"):
        next(results)


@pytest.mark.parametrize(
    ("names", "size", "workers"),
    [(["a.nii.gz"], 500_000, 2), (["a.nii.gz"], 499_999, 1), (["a.nii"], 500_000, 1),
     (["a.nii.gz", "b.nii"], 500_000, 1), (["A.NII.GZ"], 500_000, 2)],
    ids=["large gzip", "small gzip", "plain", "both", "capitals"],
)  # fmt: skip
def test_two_threads_read_large_gzip_files_alone(tmp_path, monkeypatch, names, size, workers):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    files = [tmp_path / name for name in names]
    for file in files:
        with file.open("wb") as stream:
            stream.truncate(size)
    assert reading_workers(files) == workers
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert reading_workers(files) == 1


def test_files_that_are_not_there_are_one_threads(tmp_path):
    assert reading_workers([tmp_path / "none.nii.gz"]) == 1
