"""An error of a reader is taken apart."""

from segscope.data import (
    Problem,
)
from segscope.errors import InputError


def test_a_readers_error_is_taken_apart(tmp_path):
    file = tmp_path / "a; b: c.nii"
    error = InputError(f"{file}: is cut short; by 3 bytes; copy it again")
    assert Problem.of(error, file) == Problem(
        str(file), "is cut short; by 3 bytes", "copy it again"
    )
    assert Problem.of(InputError(f"{file}: odd"), file) == Problem(str(file), "odd")
