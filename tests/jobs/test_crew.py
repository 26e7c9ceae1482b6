"""Cores are shared, and what a user allows is kept."""

import os

import pytest

from segscope.jobs.crew import share_of_cores


@pytest.mark.parametrize(
    ("jobs", "limit", "threads"),
    [(1, "", 8), (2, "", 4), (3, "", 2), (20, "", 1), (2, "1", 1), (2, "6", 4), (2, "4,2", 4)],
    ids=["alone", "half", "rounded", "many", "limit", "higher limit", "nested"],
)
def test_threads(monkeypatch, jobs, limit, threads):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert share_of_cores(jobs) == threads
