"""Figures: what each mode has, and that the first is the one that isotonic regression reads."""

from segscope.trust.figures import FIGURES, MODES, figures_of


def test_modes_add_up():
    every = list(FIGURES)
    sets = [set(figures_of(mode, every)) for mode in MODES]
    assert sets[0] < sets[1] < sets[2] == set(every)
    assert "scale" not in sets[0]
    assert "mirror" not in sets[1]


def test_what_was_not_measured_is_no_figure():
    assert figures_of("thorough", ["shift", "sdc"]) == ("sdc", "shift")


def test_soft_dice_confidence_comes_first_and_rises():
    assert next(iter(FIGURES)) == "sdc"
    assert FIGURES["sdc"].direction == 1
    assert {name for name, one in FIGURES.items() if one.direction < 0} == {"shape", "shift"}
