"""Files that are whole or not there, and answers that say which checkpoint they are of."""

import hashlib
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


def digest_of(checkpoint: Path) -> str:
    """The SHA-256 of a checkpoint's weights, which is stored with its answers as `checkpoint`."""
    return hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()


def check_origin(file: Path, digest: str) -> None:
    """Raises ValueError where stored answers are not of the checkpoint with that digest."""
    with np.load(file) as stored:
        origin = str(stored["checkpoint"]) if "checkpoint" in stored else "one that is not noted"
    if origin != digest:
        raise ValueError(f"{file}: expected answers of the checkpoint {digest}, got those of {origin}")
