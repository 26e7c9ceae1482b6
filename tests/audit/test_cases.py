"""Cases that are none, and truths that hold no labels, are refused."""

import pytest
import torch

from segscope.audit import audit
from segscope.networks import UNet

SIDES = (8, 10)


X = torch.linspace(-1, 2, 80).reshape(1, *SIDES)


TRUTH = torch.zeros(1, *SIDES, dtype=torch.long)


TRUTH[:, 2:6, 3:8] = 1


CASE = ("a", X, TRUTH)


def figures(found):
    """Everything that was measured."""
    return repr(found.cases)


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (TRUTH * 255, "holds the label 255, the network has the classes 0 to 1"),
        (TRUTH * 2, "holds the label 2, the network"),
        (-TRUTH, "label indices 0, 1, ..., got -1"),
        (TRUTH * 0.5, "label indices 0, 1, ..., got 0.5"),
        (TRUTH * float("nan"), "got nan"),
        (TRUTH / 0.0, "got"),
        (TRUTH[0], r"truth \(1, \*S\) or None"),
        (TRUTH.expand(2, *SIDES), r"truth \(1, \*S\) or None"),
        (TRUTH[:, 1:], r"truth \(1, \*S\) or None"),
        (TRUTH.numpy(), "expected tensors, got Tensor, ndarray"),
    ],
    ids=["255", "2", "negative", "half", "nan", "infinite", "no channel", "two channels", "smaller",
         "array"],
)  # fmt: skip
@pytest.mark.parametrize("low_memory", [False, True], ids=["kept", "low memory"])
def test_truths_that_are_no_labels_of_the_network(truth, said, low_memory):
    for net in (UNet(2, 1, 1, widths=(3, 4)), UNet(2, 1, 2, widths=(3, 4))):
        with pytest.raises(ValueError, match=f"case patient 7: .*{said}"):
            audit(net, [("patient 7", X, truth)], low_memory=low_memory)


def test_truths_of_any_number_type_that_hold_labels():
    torch.manual_seed(0)
    net = UNet(2, 1, 2, widths=(3, 4))
    expected = figures(audit(net, [CASE]))
    for kind in (torch.bool, torch.uint8, torch.float32, torch.float64, torch.int16, torch.half):
        assert figures(audit(net, [("a", X, TRUTH.to(kind))])) == expected
    three = UNet(2, 1, 3, widths=(3, 4))
    assert len(audit(three, [("a", X, TRUTH * 2)]).cases[0].layers[0].scores["dice"]) == 2


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (("a", X / 0, None), "case a: the image has values that are not finite"),
        (("a", X.expand(3, *SIDES), None), "case a: the network fails on|case a: input must be"),
        (("a", X[0, 0], None), r"case a: expected an image \(C, \*S\)"),
        (("a", X[:, :0], None), "case a: expected values"),
        (("a", X.to(torch.complex64), None), "case a: .* complex64"),
        (("a", X.double() * 1e300, None), "case a: .*not finite in float32"),
        ((X, TRUTH), "expected a case .name, image, truth., got tuple"),
        ((3, X, TRUTH), "expected a case"),
        ("a", "expected a case .name, image, truth., got str"),
    ],
    ids=["infinite", "channels", "no channel", "empty", "complex", "too large", "pair", "number",
         "text"],
)  # fmt: skip
def test_cases_that_are_none(case, said):
    with pytest.raises(ValueError, match=said):
        audit(UNet(2, 1, 2, widths=(3, 4)), [case])


def test_no_case_at_all():
    for none in ([], (), iter([])):
        with pytest.raises(ValueError, match="there is no case to audit"):
            audit(UNet(2, 1, 2, widths=(3, 4)), none)
