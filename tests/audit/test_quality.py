"""Quality scores that an audit takes from a network."""

import math

import torch

from segscope.audit import audit
from segscope.audit.quality import quality_of
from tests.audit.built import disc, threshold_network


def test_an_undefined_mu_is_the_lowest_quality():
    found = audit(threshold_network(), [("empty", torch.zeros(1, 8, 8), None), disc()])
    assert math.isnan(found.cases[0].mu)
    assert quality_of(found)["mu"][0] == 0.0 < quality_of(found)["mu"][1]
