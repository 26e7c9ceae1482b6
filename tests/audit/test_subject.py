"""A network that is audited: what it answers to changed images, and that it is left as it was."""

import torch
from torch import nn

from segscope.audit.measured import Means, Measured
from segscope.audit.names import _dropped, _mirrored
from segscope.audit.subject import Subject
from tests.audit.built import disc, threshold_network


def test_mirrored_predictions_of_a_symmetric_network_agree():
    subject = Subject.of(threshold_network())
    labels = _mirrored(Measured(subject.open(disc()), subject, Means(None)), (0, 1))
    assert len(labels) == 4
    assert all(torch.equal(label, labels[0]) for label in labels)
    assert torch.equal(labels[0], disc()[2])


def test_dropout_samples_differ_and_leave_no_trace():
    net = nn.Sequential(*threshold_network()[:2], nn.Dropout(0.5), nn.Conv2d(2, 1, 1))
    nn.init.constant_(net[3].weight, 5.0)
    nn.init.constant_(net[3].bias, -6.0)
    subject = Subject.of(net)
    state = torch.get_rng_state()
    case = Measured(subject.open(disc()), subject, Means(None))
    first, again = _dropped(case), _dropped(case)
    assert torch.equal(torch.get_rng_state(), state)
    assert any(not torch.equal(label, first[0]) for label in first)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(module.training for module in net.modules())
