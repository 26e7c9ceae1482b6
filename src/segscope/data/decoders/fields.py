"""What becomes of every field of a header: a format's decoder accounts for all of them."""

from dataclasses import dataclass
from typing import Literal

Fate = Literal["used", "checked", "harmless", "noted", "refused"]


@dataclass(frozen=True)
class Field:
    """One field (tag, chunk, key) of a format's header.

    Args:
        fate: ``used`` for voxels or geometry; ``checked`` against others and against the byte
            count; ``harmless``: changes neither values nor places; ``noted``: read as the standard
            says, and said to the user; ``refused`` where it is there with a meaning.
        why: In a few words: what it means here, or why it does no harm.

    Example:
        >>> Field("harmless", "free text").fate
        'harmless'
    """

    fate: Fate
    why: str
