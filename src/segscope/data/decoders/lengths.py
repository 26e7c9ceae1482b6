"""Units of length in millimetres, by the names that headers give them."""

from pathlib import Path

from segscope.errors import InputError

_NAMES = {
    1e-6: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    # the micro sign and the Greek letter look alike and are both in use
    1e-3: ("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer", "micrometers",
           "micrometre", "micrometres"),
    1.0: ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    10.0: ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    100.0: ("dm", "decimeter", "decimeters", "decimetre", "decimetres"),
    1000.0: ("m", "meter", "meters", "metre", "metres"),
    25.4: ("in", "inch", "inches"),
}  # fmt: skip
MM_PER_UNIT = {name: factor for factor, names in _NAMES.items() for name in names}


def mm_per(path: Path, field: str, unit: str) -> float:
    """Return how many millimetres a unit is.

    Words may be written in capitals; short ones only as a whole (``Mm`` is no millimetre).

    Example:
        >>> mm_per(Path("a.nrrd"), "space units", "um"), mm_per(Path("a.nrrd"), "units", "CM")
        (0.001, 10.0)
    """
    known = unit in MM_PER_UNIT
    capital = len(unit) > 2 or (len(unit) == 2 and unit.isupper())
    name = unit if known or not capital else unit.lower()
    if name not in MM_PER_UNIT:
        raise InputError(
            f"{path}: its {field} is {unit!r}, which is no known unit of length; write um, mm, cm "
            "or m"
        )
    return MM_PER_UNIT[name]
