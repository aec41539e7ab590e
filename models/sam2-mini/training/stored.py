"""Files that are whole or not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to. It becomes `target` at the end, and what was cut is never taken for whole."""
    aside = target.with_name(f"{target.name}.partial")
    yield aside
    aside.rename(target)


def store(target: Path, compressed: bool = False, **arrays: np.ndarray) -> None:
    """Writes arrays as .npz."""
    with whole(target) as aside, aside.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)
