"""A picture with masks of regions in it, as training and measuring take it. Coordinates are pixels, x right, y down."""

from dataclasses import dataclass

import cv2
import numpy as np

MIN_SHARE, MAX_SHARE = 0.002, 0.8
"""Regions that cover less or more of the picture are not asked for."""
UNKNOWN = -2


@dataclass
class Scene:
    """`picture` uint8 [S,S,3] RGB; `masks` bool [M,S,S];
    `known` bool [M,S,S], where it is known whether a pixel belongs to the mask;
    `weight` float32 [M], how often a region is asked for and how much it counts;
    `level` [M], what each is: object, part (of an object), group (of objects), ground, region (of a photograph);
    `owner` int16 [S,S], the object that each pixel belongs to: -1 the ground, -2 unknown;
    `features` float16 [256,S/16,S/16], a larger network's, where the picture has been shown to one (`teacher.py`)."""

    picture: np.ndarray
    masks: np.ndarray
    known: np.ndarray
    weight: np.ndarray
    level: np.ndarray
    owner: np.ndarray
    features: np.ndarray | None = None


def scene_of(picture: np.ndarray, regions: list[tuple], owner: np.ndarray | None = None) -> Scene | None:
    """A scene of `regions`, each (level, weight, mask, known or None where all is); None if no region has a fit size."""
    kept = [region for region in regions if MIN_SHARE < region[2].mean() < MAX_SHARE]
    if not kept:
        return None
    masks = np.stack([mask for _, _, mask, _ in kept])
    known = np.stack([np.ones_like(mask) if known is None else known for _, _, mask, known in kept])
    weight = np.array([weight for _, weight, _, _ in kept], np.float32)
    level = np.array([level for level, _, _, _ in kept])
    if owner is None:
        owner = np.full(picture.shape[:2], UNKNOWN, np.int16)
    return Scene(picture, masks, known, weight, level, owner)


def collage(scenes: list[Scene]) -> Scene:
    """Four scenes of one size, side by side in two rows: smaller things, and more of them, for one picture's price."""
    side = scenes[0].picture.shape[0]
    whole = 2 * side
    picture = np.zeros((whole, whole, 3), np.uint8)
    owner = np.full((whole, whole), UNKNOWN, np.int16)
    masks, known = [], []
    next_owner = 0
    for index, scene in enumerate(scenes):
        top, left = divmod(index, 2)
        tile = np.s_[top * side : (top + 1) * side, left * side : (left + 1) * side]
        picture[tile] = scene.picture
        # each tile's ground is a region of its own
        owner[tile] = np.where(scene.owner == UNKNOWN, UNKNOWN, scene.owner + 1 + next_owner)
        next_owner += max(int(scene.owner.max()), -1) + 2
        for mask, sure in zip(scene.masks, scene.known):
            masks.append(np.zeros((whole, whole), bool))
            known.append(np.ones((whole, whole), bool))
            masks[-1][tile], known[-1][tile] = mask, sure
    weight = np.concatenate([scene.weight for scene in scenes])
    level = np.concatenate([scene.level for scene in scenes])
    return Scene(picture, np.stack(masks), np.stack(known), weight, level, owner)


def close_up(scene: Scene, rng: np.random.Generator) -> Scene:
    """The surroundings of one region, 1.2 to 2 times its box, stretched to the scene's size, as a second look sees it."""
    size = scene.picture.shape[0]
    share = scene.masks.mean((1, 2))
    small = np.flatnonzero((share > 0.004) & (share < 0.3))
    if not len(small):
        return scene
    mask = scene.masks[rng.choice(small)]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    center = np.array([columns[0] + columns[-1] + 1, rows[0] + rows[-1] + 1]) / 2
    extent = np.array([columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]]) * rng.uniform(1.2, 2)
    extent = np.maximum(extent, max(48, extent.max() / 2))
    low = np.clip(center - extent / 2, 0, size).astype(int)
    high = np.clip(center + extent / 2, 0, size).astype(int)
    window = np.s_[low[1] : high[1], low[0] : high[0]]

    def enlarged(plane: np.ndarray, how: int = cv2.INTER_NEAREST) -> np.ndarray:
        return cv2.resize(plane[window], (size, size), interpolation=how)

    # blurred before it is enlarged, so that a mask's outline has no steps
    masks = [enlarged(cv2.GaussianBlur(m.astype(np.float32), (0, 0), 1.2), cv2.INTER_LINEAR) > 0.5 for m in scene.masks]
    regions = [
        (level, weight, mask, enlarged(known.astype(np.uint8)) > 0)
        for level, weight, mask, known in zip(scene.level, scene.weight, masks, scene.known)
    ]
    return scene_of(enlarged(scene.picture, cv2.INTER_LINEAR), regions, enlarged(scene.owner)) or scene
