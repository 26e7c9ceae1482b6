"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# the same examples every time, on a machine of any speed: a test never passes by luck;
# SEGSCOPE_EXPLORE=1 draws new ones
settings.register_profile(
    "segscope",
    deadline=None,
    derandomize=not os.environ.get("SEGSCOPE_EXPLORE"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("segscope")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images with expert masks beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the real images are not beside the checkout ({SHARED.name})")
    return SHARED


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of other tools' models with their own predictions, beside the checkout."""
    models = SHARED.parent / "models"
    if not models.is_dir():
        pytest.skip(f"the models are not beside the checkout ({models.name})")
    return models
