"""One centre is left out: tested on, and neither trained on nor asked which weights are best."""

import pytest

from segscope.errors import InputError
from segscope.experiments import centre_draws
from segscope.images import Case


def written(folder, rows):
    text = "".join(f"{name},{subject},{centre}\n" for name, subject, centre in rows)
    (folder / "cases.csv").write_text(f"case,subject,centre\n{text}")
    return [Case(name, (), subject=subject) for name, subject, _ in rows]


ROWS = [(f"{c[0]}{k}{v}", f"{c[0]}{k}", c) for c in ("Utrecht", "Singapore", "GE 1.5 T")
        for k in range(3) for v in "ab"]  # fmt: skip


def test_each_centre_is_tested_once_a_seed_by_what_saw_the_others(tmp_path):
    cases = written(tmp_path, ROWS)
    draws = centre_draws(tmp_path, cases, column="centre", seeds=2)
    assert [draw.name for draw in draws] == [
        f"seed{seed}_{name}" for seed in (0, 1)
        for name in ("GE_201.5_20T", "Singapore", "Utrecht")
    ]  # fmt: skip
    centre_of = {name: centre for name, _, centre in ROWS}
    for draw, tested in zip(draws, ["GE 1.5 T", "Singapore", "Utrecht"] * 2, strict=True):
        assert {centre_of[name] for name in draw.test} == {tested}
        assert len(draw.test) == 6
        assert tested not in {centre_of[name] for name in (*draw.train, *draw.val)}
        assert len({*draw.train, *draw.val}) == 12
        assert not {n[:2] for n in draw.train} & {n[:2] for n in draw.val}


def test_what_cannot_be_left_out_is_refused(tmp_path):
    cases = written(tmp_path, [*ROWS, ("x", "U0", "Singapore")])
    with pytest.raises(InputError, match="subject U0 has cases of Utrecht and of Singapore"):
        centre_draws(tmp_path, cases, column="centre", seeds=1)
    cases = written(tmp_path, [*ROWS, ("x", "x", "")])
    with pytest.raises(InputError, match="column centre is empty for x; fill it in"):
        centre_draws(tmp_path, cases, column="centre", seeds=1)
    cases = written(tmp_path, ROWS[:6])
    with pytest.raises(InputError, match="all cases have Utrecht; two values are needed"):
        centre_draws(tmp_path, cases, column="centre", seeds=1)
    with pytest.raises(InputError, match="has no column scanner"):
        centre_draws(tmp_path, cases, column="scanner", seeds=1)
    with pytest.raises(InputError, match="--seeds 0"):
        centre_draws(tmp_path, cases, column="centre", seeds=0)
