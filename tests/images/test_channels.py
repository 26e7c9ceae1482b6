"""Names of channels that mean a normalisation, as nnU-Net's documentation lists them."""

import pytest

from segscope.images.channels import IN_WORDS, NORMALISATIONS, nearly, normalisation_of

MEANT = {
    "CT": "ct",
    "ct": "ct",
    "Ct": "ct",
    "noNorm": "none",
    "nonorm": "none",
    "zscore": "zscore",
    "ZScore": "zscore",
    "rescale_to_0_1": "own_range",
    "rescale_0_1": "own_range",
    "Rescale_To_0_1": "own_range",
    "rgb_to_0_1": "rgb",
    "RGB_to_0_1": "rgb",
    "CT1": "zscore",
    "CT scan": "zscore",
    "T1": "zscore",
    "R": "zscore",
    "RGB": "zscore",
    "": "zscore",
}


@pytest.mark.parametrize(("name", "scheme"), MEANT.items(), ids=[f"name {k}" for k in MEANT])
def test_a_name_means_what_nnunet_says(name, scheme):
    assert normalisation_of(name) == scheme


def test_every_normalisation_is_put_in_words_and_is_not_nearly_itself():
    assert set(NORMALISATIONS.values()) == set(IN_WORDS)
    assert [nearly(name) for name in NORMALISATIONS] == [None] * len(NORMALISATIONS)
