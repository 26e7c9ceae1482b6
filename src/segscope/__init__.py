"""Train, prune, explain and quality-control networks that segment medical images."""

from importlib.metadata import version

__version__ = version("segscope")
__all__ = ["__version__"]
