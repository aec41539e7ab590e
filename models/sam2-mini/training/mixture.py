"""What training sees: painted scenes and real pictures, whole, close up and four in one."""

from pathlib import Path

import numpy as np

import sources
from painting import Painter
from photographs import Photographs
from scene import Scene, close_up, collage

SHARES = dict(paint=0.36, person=0.34, region=0.16, cell=0.08, lesson=1.0, answer=0.25)
"""How often each kind of picture comes, in parts of their sum; lessons and answers once there are some (`teacher.py`, `answers.py`)."""
COLLAGES = 0.15
CLOSE_UPS = 0.1
SECOND_LOOKS = 0.12
"""The share of steps whose prompts bring the mask of a first look along."""


def odds_of(masks: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """How likely each of a picture's masks [M,S,S] is asked for: large masks are few, small ones many, and each size gets its turn."""
    odds = masks.mean((1, 2)) ** 0.125 * weight
    return odds / odds.sum()


class Mixture:
    """Makes the scene of a seed at a size; the same seed gives the same scene, as long as `CACHE` holds the same."""

    def __init__(self, cache: Path, pictures: Path):
        photographs = Photographs(pictures, cache)
        painter = Painter(sources.load(cache), photographs)
        self.makers = dict(
            paint=painter.paint, person=photographs.person, region=photographs.region, cell=photographs.cell
        )
        if photographs.taught:
            self.makers["lesson"] = photographs.lesson
        if photographs.answers:
            self.makers["answer"] = photographs.answer

        self.near = [kind for kind in ("paint", "person", "lesson") if kind in self.makers]
        """Whose regions are exact enough to be shown close up."""

    def make(self, seed: tuple[int, ...], size: int, second_look: bool = False) -> Scene:
        """`size` is a multiple of 8; with `second_look` the scene is the surroundings of a region."""
        rng = np.random.default_rng(seed)
        form = rng.random()
        if form < COLLAGES and not second_look:
            return collage([self._one(rng, size // 2) for _ in range(4)])
        if second_look or form > 1 - CLOSE_UPS:
            return close_up(self._one(rng, size, self.near), rng)
        return self._one(rng, size)

    def _one(self, rng: np.random.Generator, size: int, kinds: list[str] | None = None) -> Scene:
        kinds = kinds or list(self.makers)
        odds = np.array([SHARES[kind] for kind in kinds])
        while True:
            kind = str(rng.choice(kinds, p=odds / odds.sum()))
            scene = self.makers[kind](rng, size)
            if scene is not None:
                return scene
