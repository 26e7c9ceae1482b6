"""Quality scores by name: what each needs, and what another package's must be."""

from types import SimpleNamespace

import pytest
from torch import nn

from segscope.audit.names import SCORES, Means, check_scores, measure_case, no_score
from segscope.errors import InputError
from tests.audit.test_measured import thresholded
from tests.packages import installed

CODE = """
    from segscope.audit import QualityScore

    SIZE = QualityScore("predicted voxels", lambda case: float(case.labels.sum()))
    NOTHING = QualityScore("nothing", lambda case: None)
    UNDEFINED = QualityScore("undefined", lambda case: float("nan"))
    FAILING = QualityScore("failing", lambda case: case.uncertainty)
    UNMEASURED = QualityScore("unmeasured", None)
"""


@pytest.fixture(autouse=True, scope="module")
def site(tmp_path_factory):
    names = ("SIZE", "NOTHING", "UNDEFINED", "FAILING", "UNMEASURED")
    entries = {f"segscope.quality_scores:{name.lower()}": name for name in names}
    with installed(tmp_path_factory.mktemp("site"), "own-scores", CODE, entries):
        yield


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "gives a NoneType for case a; a finite float is expected"),
        ("undefined", "gives nan for case a; a finite float is expected"),
        ("failing", r"failed \(AttributeError"),
        ("unmeasured", "has the measure None, no function"),
    ],
)
def test_what_is_no_score_is_told(name, said):
    with pytest.raises(InputError, match=rf"score '{name}' of own-scores==1.2 .*{said}"):
        measure_case(name, thresholded())


def test_names_that_cannot_be_asked_for():
    check_scores(["size"])
    with pytest.raises(InputError, match=r"--score mu: is measured anyway; name those of"):
        check_scores(["mu"])
    with pytest.raises(InputError, match=r"--score sise: is not known; .*size"):
        check_scores(["sise"])
    with pytest.raises(ValueError, match="measured by the audit itself"):
        measure_case("mu", thresholded())


def test_what_each_score_needs():
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(0.5))
    model = SimpleNamespace(net=net, spec=SimpleNamespace(mirror_axes=()), parts=None)
    bare = {name: score.why_not(Means(model)) for name, score in SCORES.items()}
    assert [name for name, why in bare.items() if not why] == [
        "mu", "max_probability", "foreground_negative_entropy", "profile", "mu_above_chance",
        "dropout",
    ]  # fmt: skip
    model.spec.mirror_axes = (0,)
    model.parts = SimpleNamespace(members=lambda model, prepared: [])
    rich = Means(model, ensemble=[model], snapshots=[model, model], masks={"a": None})
    assert not any(score.why_not(rich) for score in SCORES.values())
    assert SCORES["prior_volume"].over_cases([1.0, 3.0, 2.0]) == [-1.0, -1.0, 0.0]
    assert no_score(SCORES["tta"]) == ""
