"""Units of length."""

from pathlib import Path

import pytest

from segscope.data.decoders.lengths import MM_PER_UNIT, mm_per
from segscope.errors import InputError


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("mm", 1), ("Millimeters", 1), ("MM", 1), ("cm", 10), ("m", 1000), ("um", 0.001),
     ("\u00b5m", 0.001), ("\u03bcm", 0.001), ("inch", 25.4), ("METRE", 1000), ("nm", 1e-6)],
)  # fmt: skip
def test_units_in_millimetres(unit, factor):
    assert mm_per(Path("a"), "units", unit) == factor


@pytest.mark.parametrize("unit", ["", "Mm", "M", "pixel", "mm ", "voxel", "Cm"])
def test_what_is_no_unit_or_may_be_another_is_refused(unit):
    with pytest.raises(InputError, match=r"a\.nrrd: its units is .* no known unit of length"):
        mm_per(Path("a.nrrd"), "units", unit)


def test_every_unit_is_a_power_of_ten_but_the_inch():
    others = {f for name, f in MM_PER_UNIT.items() if not name.startswith("in")}
    assert others == {1e-6, 1e-3, 1.0, 10.0, 100.0, 1000.0}
