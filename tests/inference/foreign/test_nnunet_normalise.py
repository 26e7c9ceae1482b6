"""nnU-Net's normalisation schemes, by hand."""

from pathlib import Path

import numpy as np
import pytest

from segscope.errors import InputError
from segscope.inference.foreign.nnunet_normalise import ChannelRule, check_scheme, normalised

VALUES = np.array([0.0, 2.0, 4.0, 6.0], np.float32)


def run(scheme, values=VALUES, **rule):
    found = values.copy()
    note = normalised(found, found > 0, ChannelRule("T1", scheme, **rule))
    return found.tolist(), note


def test_scores_are_of_everything_or_of_what_is_inside():
    whole, _ = run("ZScoreNormalization")
    assert whole == pytest.approx([-1.3416, -0.4472, 0.4472, 1.3416], abs=1e-4)
    inside, _ = run("ZScoreNormalization", masked=True)
    assert inside == pytest.approx([0, -1.2247, 0, 1.2247], abs=1e-4)


def test_ct_is_clipped_then_scaled_by_the_foreground_of_training():
    found, _ = run("CTNormalization", mean=3.0, sd=2.0, lower=1.0, upper=5.0)
    assert found == [-1.0, -0.5, 0.5, 1.0]


def test_the_other_schemes():
    assert run("NoNormalization")[0] == VALUES.tolist()
    assert run("RescaleTo01Normalization")[0] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert run("RGBTo01Normalization")[0] == pytest.approx([0, 2 / 255, 4 / 255, 6 / 255])


def test_a_constant_channel_is_told():
    assert run("ZScoreNormalization", np.full(3, 7, np.float32)) == (
        [0.0, 0.0, 0.0], "channel T1 is constant: all its values become 0"
    )  # fmt: skip
    _, note = run("ZScoreNormalization", np.zeros(3, np.float32), masked=True)
    assert note == "channel T1 is zero everywhere: it is left as it is"


def test_pictures_of_more_than_8_bits_are_refused():
    with pytest.raises(InputError, match="0 to 300"):
        run("RGBTo01Normalization", np.array([0, 300], np.float32))


def test_a_scheme_of_somebody_else_is_refused():
    with pytest.raises(InputError, match="MyNormalization is not known"):
        check_scheme(Path("plans.json"), "MyNormalization")
