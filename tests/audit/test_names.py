"""Quality scores by name: what each needs, and what another package's must be."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from segscope.audit.names import SCORES, Means, Measured, check_scores, measure_case, no_score
from segscope.audit.subject import Subject
from segscope.errors import InputError
from tests.packages import install

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
    folder = tmp_path_factory.mktemp("site")
    names = ("SIZE", "NOTHING", "UNDEFINED", "FAILING", "UNMEASURED")
    entries = {f"segscope.quality_scores:{name.lower()}": name for name in names}
    install(folder, "own-scores", CODE, entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


def measured():
    """A network whose logit is the image: voxels above 0 are the object."""
    net = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        net.weight.fill_(1.0)
        net.bias.fill_(0.0)
    subject = Subject.of(net, output="logits")
    image = torch.tensor([[[1.0, -1.0], [2.0, 3.0]]])
    return Measured(subject.open(("a", image, None)), subject, Means(None))


def test_probabilities_and_labels_of_a_case():
    case = measured()
    assert torch.allclose(case.probabilities, torch.sigmoid(case.opened.image))
    assert case.labels.flatten().tolist() == [1, 0, 1, 1]
    assert measure_case("size", case) == 3.0


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
        measure_case(name, measured())


def test_names_that_cannot_be_asked_for():
    check_scores(["size"])
    with pytest.raises(InputError, match=r"--score mu: is measured anyway; name those of"):
        check_scores(["mu"])
    with pytest.raises(InputError, match=r"--score sise: is not known; .*size"):
        check_scores(["sise"])
    with pytest.raises(ValueError, match="measured by the audit itself"):
        measure_case("mu", measured())


def test_what_each_score_needs():
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(0.5))
    model = SimpleNamespace(net=net, spec=SimpleNamespace(mirror_axes=()))
    bare = {name: score.why_not(Means(model)) for name, score in SCORES.items()}
    assert [name for name, why in bare.items() if not why] == [
        "mu", "max_probability", "foreground_certainty", "dropout",
    ]  # fmt: skip
    model.spec.mirror_axes = (0,)
    rich = Means(model, ensemble=[model], snapshots=[model, model], masks={"a": None})
    assert not any(score.why_not(rich) for score in SCORES.values())
    assert SCORES["prior_volume"].over_cases([1.0, 3.0, 2.0]) == [-1.0, -1.0, 0.0]
    assert no_score(SCORES["tta"]) == ""
