"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images with expert masks beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the real images are not beside the checkout ({SHARED.name})")
    return SHARED
