"""Fixtures that every room's tests share."""

import functools
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

_FOR_A_MODULE = 'scope="module"'


@functools.cache
def _shares_fixtures(file: Path) -> bool:
    return _FOR_A_MODULE in file.read_text(encoding="utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what their module has made run in one process: it is made once."""
    for item in items:
        if _shares_fixtures(item.path):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


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
