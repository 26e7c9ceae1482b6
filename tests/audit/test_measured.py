"""One case while its quality is measured."""

import torch
from torch import nn

from segscope.audit.measured import Means, Measured
from segscope.audit.subject import Subject


def thresholded():
    """A network whose logit is the image: voxels above 0 are the object."""
    net = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        net.weight.fill_(1.0)
        net.bias.fill_(0.0)
    subject = Subject.of(net, output="logits")
    image = torch.tensor([[[1.0, -1.0], [2.0, 3.0]]])
    return Measured(subject.open(("a", image, None)), subject, Means(None))


def test_probabilities_and_labels_of_a_case():
    case = thresholded()
    assert torch.allclose(case.probabilities, torch.sigmoid(case.opened.image))
    assert case.labels.flatten().tolist() == [1, 0, 1, 1]


def test_the_network_is_asked_once(monkeypatch):
    case = thresholded()
    asked = []
    found = case.subject.answer
    monkeypatch.setattr(Subject, "answer", lambda self, x: asked.append(x) or found(x))
    assert case.probabilities is case.probabilities
    assert case.labels is case.labels
    assert len(asked) == 1
