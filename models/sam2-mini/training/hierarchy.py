"""Region hierarchies of photographs by greedy merging of superpixels: pseudo-masks of real texture.

Superpixels by SLIC (Achanta et al. 2012); neighbors are merged in the order of a Ward-like cost
of Lab color, texture and the edge strength along their common border. A node of the merge tree
whose cost to merge further is much greater than the cost it was made at stands out from its
surroundings, and so is likely to be what a person would click on.

    python hierarchy.py CACHE_FOLDER [PICTURES]     crops every photograph and stores the trees
"""

import heapq
import sys
from pathlib import Path

import cv2
import numpy as np
from skimage.segmentation import slic

import sources
from photographs import read_picture
from stored import store

CROP = 400
SUPERPIXELS = 350


def merge_tree(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (labels [H,W] of n leaves, parent [2n-1], cost [2n-1] at which each node was made)."""
    lab = cv2.cvtColor(cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    labels = slic(picture, SUPERPIXELS, compactness=12, sigma=1, start_label=0)
    n = int(labels.max()) + 1
    flat = labels.ravel()
    size = np.bincount(flat, minlength=n).astype(float)
    fine = np.abs(lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), 3))
    channels = [lab[..., 0], 1.3 * lab[..., 1], 1.3 * lab[..., 2], 2.0 * fine]
    mean = np.stack([np.bincount(flat, c.ravel(), n) for c in channels], 1) / size[:, None]
    dx, dy = cv2.Sobel(lab[..., 0], cv2.CV_32F, 1, 0), cv2.Sobel(lab[..., 0], cv2.CV_32F, 0, 1)
    edge = np.hypot(dx, dy) / 8
    border: list[dict[int, list[float]]] = [{} for _ in range(2 * n - 1)]  # neighbor -> [length, edge sum]
    for a, b, e in [
        (labels[:, :-1], labels[:, 1:], np.maximum(edge[:, :-1], edge[:, 1:])),
        (labels[:-1], labels[1:], np.maximum(edge[:-1], edge[1:])),
    ]:
        differs = a != b
        low, high = np.minimum(a, b)[differs], np.maximum(a, b)[differs]
        pairs, inverse = np.unique(low.astype(np.int64) * n + high, return_inverse=True)
        for pair, length, total in zip(pairs, np.bincount(inverse), np.bincount(inverse, e[differs])):
            i, j = divmod(int(pair), n)
            entry = border[i].setdefault(j, [0.0, 0.0])
            border[j][i] = entry
            entry[0] += length
            entry[1] += total
    size = np.concatenate([size, np.zeros(n - 1)])
    mean = np.concatenate([mean, np.zeros((n - 1, mean.shape[1]))])
    parent = np.full(2 * n - 1, -1, np.int32)
    cost = np.zeros(2 * n - 1, np.float32)
    unit = labels.size / n

    def distance(i: int, j: int) -> float:
        length, total = border[i][j]
        contrast = np.linalg.norm(mean[i] - mean[j]) + 0.8 * total / length
        return contrast * np.sqrt(2 * size[i] * size[j] / (size[i] + size[j]) / unit) ** 0.6

    heap = [(distance(i, j), i, j) for i in range(n) for j in border[i] if i < j]
    heapq.heapify(heap)
    made = n
    while heap:
        d, i, j = heapq.heappop(heap)
        if parent[i] >= 0 or parent[j] >= 0:
            continue
        parent[i] = parent[j] = made
        size[made] = size[i] + size[j]
        mean[made] = (mean[i] * size[i] + mean[j] * size[j]) / size[made]
        cost[made] = max(d, cost[i], cost[j])
        for k in (i, j):
            for other, (length, total) in border[k].items():
                if other in (i, j):
                    continue
                del border[other][k]
                entry = border[made].setdefault(other, [0.0, 0.0])
                border[other][made] = entry
                entry[0] += length
                entry[1] += total
            border[k] = {}
        for other in border[made]:
            heapq.heappush(heap, (distance(made, other), made, other))
        made += 1
    return labels.astype(np.uint16), parent[:made], cost[:made]


def salient_nodes(labels: np.ndarray, parent: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (membership [nodes, leaves] bool, weight [nodes]) of the nodes that stand out."""
    total, leaves = len(parent), int(labels.max()) + 1
    member = np.zeros((total, leaves), bool)
    member[np.arange(leaves), np.arange(leaves)] = True
    for node in range(total):
        if parent[node] >= 0:
            member[parent[node]] |= member[node]
    share = member @ np.bincount(labels.ravel(), minlength=leaves) / labels.size
    above = np.where(parent >= 0, cost[parent], cost.max() * 1.2)
    persistence = np.log(above + 1e-3) - np.log(np.maximum(cost, 10.0))
    keep = (share > 0.012) & (share < 0.6) & (persistence > 0.3) & (np.arange(total) >= leaves)
    return member[keep], persistence[keep] * share[keep] ** 0.3


def store_tree(target: Path, picture: np.ndarray) -> None:
    """Stores the tree of a square of `CROP` pixels; what exists is not made again."""
    if target.exists():
        return
    labels, parent, cost = merge_tree(picture)
    member, weight = salient_nodes(labels, parent, cost)
    if len(weight) >= 3:
        store(target, compressed=True, picture=picture, labels=labels, member=member, weight=weight)


def build(cache: Path, pictures: Path | None, seed: int = 0, crops_per_photo: int = 10) -> None:
    """Stores one .npz a crop below `cache/hierarchy`; of the small pictures of `pictures/unlabeled` one each."""
    folder = cache / "hierarchy"
    folder.mkdir(exist_ok=True)
    photos = sources.load(cache)["photo"]
    for turn in range(crops_per_photo):
        for index, picture in enumerate(photos):
            rng = np.random.default_rng([seed, turn, index])
            height, width = picture.shape[:2]
            side = int(rng.uniform(0.35, 1.0) * min(height, width))
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            crop = cv2.resize(picture[top : top + side, left : left + side], (CROP, CROP), interpolation=cv2.INTER_AREA)
            store_tree(folder / f"{turn:02d}_{index:03d}.npz", crop)
    for file in sorted((pictures / "unlabeled").glob("*.jpg")) if pictures else []:
        store_tree(folder / f"{file.stem}.npz", cv2.resize(read_picture(file), (CROP, CROP)))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    build(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
