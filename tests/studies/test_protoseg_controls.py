"""Layers against their chance: by subject, corrected over layers; controls beside them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from scipy import stats

from segscope.audit import CaseAudit, DatasetAudit, LayerScores
from segscope.audit.active import ActiveUnits
from segscope.audit.controls import Controlled
from segscope.studies import protoseg
from segscope.studies.declared import Asked
from segscope.studies.protoseg_controls import active_table, chance_facts, chance_rows, is_above
from segscope.studies.protoseg_measures import DETACHED, Audited
from segscope.studies.protoseg_numbers import above_chance, controls

SUBJECTS = {f"c{k}": f"s{k}" for k in range(9)}


def audited(*pairs_of_cases):
    """Per case, SA and chance of every layer."""
    cases = []
    for k, pairs in enumerate(pairs_of_cases):
        layers = tuple(
            LayerScores(f"layer{n}", {"dice": (sa,)}, (sa,), (chance,), (chance,))
            for n, (sa, chance) in enumerate(pairs)
        )
        cases.append(CaseAudit(f"c{k}", 0.5, {"dice": (0.5,)}, layers, ()))
    trial = SimpleNamespace(draw=SimpleNamespace(seed=0))
    return Audited(trial, DatasetAudit("m", ("disc",), tuple(cases), {}), Path())


def test_a_layer_is_above_chance_where_its_subjects_agree():
    """The first layer is below its chance in all, the second swings, the third is above in all."""
    swing = [(-1) ** k * (k + 1) / 50 for k in range(9)]
    cases = [((0.1, 0.2 + k / 100), (0.3 + swing[k], 0.3), (0.6, 0.2 - k / 100)) for k in range(9)]
    one = audited(*cases)
    found = above_chance([one], SUBJECTS)
    assert [is_above(layer) for layer in found] == [False, False, True]
    assert [layer.difference.estimate.mean for layer in found] == pytest.approx(
        [-0.14, sum(swing) / 9, 0.44]
    )
    p = [2 / 2**9, stats.wilcoxon(swing).pvalue, 2 / 2**9]
    assert [layer.difference.p for layer in found] == pytest.approx(p)
    assert found[2].difference.p_holm == pytest.approx(3 * 2 / 2**9)
    rows = chance_rows("offline", found)
    assert [row[-1] for row in rows] == ["not shown", "not shown", "above chance"]
    assert [row[1] for row in rows] == [1, 2, 3]
    assert chance_facts(found[2])["above"] is True


def test_controls_are_means_over_subjects_by_layer():
    found = [Controlled("c0", "untrained", (0.1, 0.2)), Controlled("c1", "untrained", (0.3, 0.6)),
             Controlled("c0", "other truth", (0.0, 0.5))]  # fmt: skip
    by_control = controls(found, ["a", "b"], {"c0": "s", "c1": "s"})
    # both cases are one subject's
    assert by_control["untrained"]["a"].mean == pytest.approx(0.2)
    assert (by_control["untrained"]["b"].mean, by_control["untrained"]["b"].n) == (0.4, 1)
    assert by_control["other truth"]["b"].mean == 0.5


def test_the_control_arm_differs_in_the_guide_alone():
    online, detached = (protoseg._arm(name, Asked()) for name in ("online", DETACHED))
    assert detached.recipe["loss"].pop("prototype_detach_guide") is True
    assert detached.recipe == online.recipe
    assert protoseg._arm("offline", Asked()).recipe["loss"]["prototype"] == 0


def test_a_row_says_how_many_units_are_needed_and_what_as_many_at_random_do():
    trial = SimpleNamespace(
        arm=SimpleNamespace(name="offline"), draw=SimpleNamespace(name="seed0_fold0")
    )
    found = ActiveUnits("last", (2, 0, 1), (0.4, 0.795, 0.8), (0.1, 0.2, 0.8), 0.8)
    (row,) = active_table([(trial, found)]).rows
    assert row == ["offline", "seed0_fold0", "last", 3, 2, 0.8, 0.795, 0.2]
