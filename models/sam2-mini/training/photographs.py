"""Real pictures with masks: people in the street, cells, single things, and regions found in photographs.

`FOLDER/people`, `cells` and `objects` hold `NAME.jpg` and `NAME.labels.png`, `FOLDER/unlabeled` pictures alone:

- people: the class of each pixel (Clothing Co-Parsing); 0 is not labeled, so the street and passers-by are unknown.
- cells: one number a nucleus, 0 the background (2018 Data Science Bowl).
- objects, unlabeled: one thing on a plain ground, or in its surroundings (Caltech 101).

`CACHE/hierarchy` holds what hierarchy.py found in photographs, `CACHE/taught` and `CACHE/answers`, if they are there, what
teacher.py and answers.py did.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from camera import shoot
from scene import UNKNOWN, Scene, scene_of

HELD_OUT = Path(__file__).parent / "held-out-people.txt"
"""Names of the hundred pictures of `people` that are for measuring: the first by the SHA-256 of their names."""

SKIN, HAIR = 41, 19
WORN = {1, 3, 9, 15, 17, 29, 34, 37, 47, 52, 57}
"""What is worn on a garment or a head: accessories, belt, bracelet, earrings, glasses, necklace, ring, scarf, sunglasses, tie, watch."""
OUTSIDE, INSIDE, NOT_SURE = range(3)
MOST_ANSWERS = 20
MARGIN = 0.05
"""So near to a labeled person, as a share of the picture's side, an unlabeled pixel may belong to what is worn."""


def read_picture(file: Path) -> np.ndarray:
    """RGB uint8 [H,W,3]."""
    return cv2.imread(str(file))[:, :, ::-1]


def read_labels(file: Path) -> np.ndarray:
    return cv2.imread(str(file.with_suffix(".labels.png")), cv2.IMREAD_UNCHANGED)


def files_of(folder: Path, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"expected {pattern} in {folder}, found none")
    return files


def held_out_people() -> list[str]:
    return HELD_OUT.read_text().split()


def parts_of(labels: np.ndarray, smallest: int) -> list[tuple[int, np.ndarray]]:
    """Each class's connected parts of at least `smallest` pixels, as (class, mask)."""
    parts = []
    for value in np.unique(labels[labels > 0]):
        count, pieces, stats, _ = cv2.connectedComponentsWithStats((labels == value).astype(np.uint8))
        parts += [(int(value), pieces == k) for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= smallest]
    return parts


def touches(first: np.ndarray, second: np.ndarray) -> bool:
    return bool((cv2.dilate(first.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & second).any())


def answer_at(logits: np.ndarray, side: int) -> np.ndarray:
    """What stored logits int8 [h,w] say about each pixel, uint8 [side,side]: OUTSIDE, INSIDE or, where 0, NOT_SURE."""
    inside = cv2.resize(logits.astype(np.float32), (side, side)) > 0
    unsure = cv2.resize((logits == 0).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) > 0
    return np.where(unsure, NOT_SURE, np.where(inside, INSIDE, OUTSIDE)).astype(np.uint8)


def scaled(picture: np.ndarray, labels: np.ndarray, window, size: int, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """A window of a picture and of its labels as squares of `size`."""
    shrinks = picture[window].shape[0] > size
    picture = cv2.resize(picture[window], (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    labels = cv2.resize(labels[window], (size, size), interpolation=cv2.INTER_NEAREST)
    if mirrored:
        picture, labels = picture[:, ::-1], labels[:, ::-1]
    return np.ascontiguousarray(picture), np.ascontiguousarray(labels)


def window_of(planes: torch.Tensor, left: float, top: float, width: float, height: float, cells: int) -> torch.Tensor:
    """A window of planes [N,C,H,W], in shares of the sides, stretched to [N,C,cells,cells]."""
    place = [[width, 0, 2 * left + width - 1], [0, height, 2 * top + height - 1]]
    shape = [len(planes), 1, cells, cells]
    grid = F.affine_grid(torch.tensor(place, dtype=torch.float32).expand(len(planes), 2, 3), shape, align_corners=False)
    return F.grid_sample(planes, grid, padding_mode="border", align_corners=False)


def features_of(features: np.ndarray, left: float, top: float, side: float, cells: int, mirrored: bool) -> np.ndarray:
    """Of features [C,H,W] of a whole picture those of a square window, in shares of the sides, as float16 [C,cells,cells]."""
    whole = torch.from_numpy(features).float()[None]
    if side * whole.shape[-1] > 1.5 * cells:
        whole = F.avg_pool2d(whole, 2)
    seen = window_of(whole, left, top, side, side, cells)[0]
    return (seen.flip(-1) if mirrored else seen).half().numpy()


def regions_of_person(labels: np.ndarray) -> tuple[list[tuple], np.ndarray]:
    """What one may mean by a click on a person: (regions as `scene_of` takes them, owner).

    A class's connected parts; a garment with what is worn on it; a head, which is hair with what touches it; and the
    person. Of a part, unlabeled pixels near the person are unknown, since straps and hair lack labels; the street
    further off is surely not part of it. Of the person, everything is known: passers-by are others.
    """
    size = labels.shape[0]
    parts = parts_of(labels, int(0.0008 * labels.size))
    person = labels > 0
    reach = int(2 * MARGIN * size) | 1
    near = cv2.dilate(person.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    known = person | ~near
    owner = np.full(labels.shape, UNKNOWN, np.int16)
    for index, (_, mask) in enumerate(parts):
        owner[mask] = index
    regions = [("part", 0.8, mask, known) for _, mask in parts]
    for kind, mask in parts:
        if kind in WORN or kind == SKIN:
            continue
        worn = [m for k, m in parts if k in WORN and touches(mask, m)]
        if worn:
            regions.append(("group", 0.4, np.logical_or.reduce([mask, *worn]), known))
    regions.append(("object", 1.0, person, None))
    return regions, owner


class Photographs:
    """Scenes of real pictures, things cut out of them, and fillings, each drawn with a generator of random numbers."""

    def __init__(self, folder: Path, cache: Path):
        """Raises FileNotFoundError where a kind of picture is missing."""
        held_out = set(held_out_people())
        self.people = [file for file in files_of(folder / "people", "*.jpg") if file.stem not in held_out]
        self.cells, self.objects, self.unlabeled = (
            files_of(folder / kind, "*.jpg") for kind in ("cells", "objects", "unlabeled")
        )
        self.hierarchies = files_of(cache / "hierarchy", "*.npz")
        self.taught, self.answers = (sorted((cache / kind).glob("*.npz")) for kind in ("taught", "answers"))
        """Empty before teacher.py and answers.py were run."""

    def person(self, rng: np.random.Generator, size: int) -> Scene | None:
        file = self.people[rng.integers(len(self.people))]
        picture, labels = self._cropped(rng, read_picture(file), read_labels(file), size)
        regions, owner = regions_of_person(labels)
        return scene_of(shoot(rng, picture), regions, owner)

    def cell(self, rng: np.random.Generator, size: int) -> Scene | None:
        file = self.cells[rng.integers(len(self.cells))]
        picture, labels = self._cropped(rng, read_picture(file), read_labels(file), size)
        names = np.unique(labels[labels > 0])
        regions = [("object", 0.6, labels == name, None) for name in rng.permutation(names)[:24]]
        owner = labels.astype(np.int32) - 1
        return scene_of(shoot(rng, picture), regions, owner.astype(np.int16))

    def region(self, rng: np.random.Generator, size: int) -> Scene | None:
        """Regions of a photograph as merged superpixels find them (`hierarchy.py`)."""
        with np.load(self.hierarchies[rng.integers(len(self.hierarchies))]) as stored:
            picture, labels, member, weight = (stored[k] for k in ("picture", "labels", "member", "weight"))
        side = int(picture.shape[0] * rng.uniform(0.5, 1.0))
        top, left = rng.integers(picture.shape[0] - side + 1, size=2)
        window = np.s_[top : top + side, left : left + side]
        picture, labels = scaled(picture, labels, window, size, rng.random() < 0.5)
        chosen = rng.choice(len(weight), min(12, len(weight)), replace=False, p=weight / weight.sum())
        masks = member[chosen][:, labels]
        return scene_of(shoot(rng, picture), [("region", 0.6, mask, None) for mask in masks if mask.mean() > 0.01])

    def lesson(self, rng: np.random.Generator, size: int) -> Scene | None:
        """Regions of a photograph as a larger network sees them (`teacher.py`)."""
        return self._answered(rng, size, self.taught, 1.0)

    def answer(self, rng: np.random.Generator, size: int) -> Scene | None:
        """Regions of a photograph of which an earlier model was sure (`answers.py`), unknown where it was not."""
        return self._answered(rng, size, self.answers, 0.6)

    def _answered(self, rng: np.random.Generator, size: int, files: list[Path], weight: float) -> Scene | None:
        """Up to MOST_ANSWERS stored answers to a picture.

        What no region covers has no owner: that nothing was found there does not say that nothing is.
        """
        with np.load(files[rng.integers(len(files))]) as stored:
            picture, logits, features = stored["picture"], stored["logits"], stored.get("features")
        if not len(logits):
            return None
        logits = logits[rng.permutation(len(logits))[:MOST_ANSWERS]]
        whole = picture.shape[0]
        labels = np.dstack([answer_at(plane, whole) for plane in logits])
        side = int(whole * rng.uniform(0.5, 1.0))
        top, left = rng.integers(whole - side + 1, size=2)
        mirrored = rng.random() < 0.5
        picture, labels = scaled(picture, labels, np.s_[top : top + side, left : left + side], size, mirrored)
        masks = list((labels.reshape(size, size, -1) == INSIDE).transpose(2, 0, 1))
        known = list((labels.reshape(size, size, -1) != NOT_SURE).transpose(2, 0, 1))
        owner = np.full((size, size), UNKNOWN, np.int16)
        for index in sorted(range(len(masks)), key=lambda index: -masks[index].sum()):
            owner[masks[index]] = index
        regions = [("region", weight, mask, sure) for mask, sure in zip(masks, known)]
        scene = scene_of(shoot(rng, picture), regions, owner)
        if scene and features is not None:
            scene.features = features_of(features, left / whole, top / whole, side / whole, size // 16, mirrored)
        return scene

    def ground(self, rng: np.random.Generator) -> np.ndarray:
        """A photograph as a filling, RGB uint8."""
        return read_picture(self.unlabeled[rng.integers(len(self.unlabeled))])

    def cutout(self, rng: np.random.Generator) -> np.ndarray:
        """A thing, a person or a garment on transparent ground, RGBA uint8, its edge soft by a pixel."""
        if rng.random() < 0.75:
            file = self.objects[rng.integers(len(self.objects))]
            mask = read_labels(file) > 0
        else:
            file = self.people[rng.integers(len(self.people))]
            labels = read_labels(file)
            parts = parts_of(labels, 400)
            mask = labels > 0 if rng.random() < 0.5 or not parts else parts[rng.integers(len(parts))][1]
        soft = cv2.GaussianBlur(cv2.erode(mask.astype(np.float32), np.ones((3, 3))), (3, 3), 0)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows) < 16 or len(columns) < 16:
            return self.cutout(rng)
        cut = np.dstack([read_picture(file), (soft * 255).astype(np.uint8)])
        return np.ascontiguousarray(cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])

    def _cropped(self, rng: np.random.Generator, picture: np.ndarray, labels: np.ndarray, size: int):
        """A window of any side from a third of the picture to all of it, around something labeled, as a square."""
        height, width = labels.shape
        share = rng.uniform(0.35, 1.0)
        across, down = (max(64, int(side * share * rng.uniform(0.8, 1.0))) for side in (width, height))
        across, down = min(across, width), min(down, height, int(1.7 * min(across, width)))
        labeled = np.flatnonzero(labels)
        y, x = divmod(int(rng.choice(labeled)), width) if len(labeled) else (height // 2, width // 2)
        left = int(np.clip(x - rng.uniform(0.2, 0.8) * across, 0, width - across))
        top = int(np.clip(y - rng.uniform(0.2, 0.8) * down, 0, height - down))
        return scaled(picture, labels, np.s_[top : top + down, left : left + across], size, rng.random() < 0.5)
