"""Prompts as a person gives them: a first click or box, clicks where the answer is wrong, a mask from a first look.

Coordinates are pixels of the picture, x right, y down; logits and targets have a quarter of its size.
"""

import cv2
import numpy as np
import torch


def inner_point(mask: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """(x, y) in the mask: its innermost point or any of its pixels, evenly often."""
    if rng.random() < 0.5:
        padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        index = int((depth * rng.uniform(0.9, 1, depth.shape)).argmax())
    else:
        index = int(rng.choice(np.flatnonzero(mask)))
    return index % mask.shape[1], index // mask.shape[1]


def jittered_box(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """XYXY of the mask; in half of all calls each side is moved by up to a tenth of the box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    if rng.random() < 0.5:
        return box
    extent = np.tile(box[2:] - box[:2], 2)
    box = box + np.clip(rng.normal(0, 0.04, 4), -0.1, 0.1) * extent
    return np.clip(box, 0, mask.shape[0])


def first_look(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Logits float32 [S/4,S/4] such as a look at the whole picture gives of a small thing.

    The mask is brought down to 16 to 64 cells, its outline moved and roughened, and cells are lost or added in patches.
    """
    quarter = mask.shape[0] // 4
    cells = int(rng.integers(16, 65))
    coarse = cv2.resize(mask.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    rough = cv2.resize(rng.normal(0, 1, (cells // 3 + 1,) * 2).astype(np.float32), (cells, cells))
    coarse = cv2.GaussianBlur(coarse, (0, 0), rng.uniform(0.3, 1.5)) + rng.uniform(0.05, 0.35) * rough
    logits = (coarse - 0.5 + rng.normal(0, 0.1)) * rng.uniform(6, 20)
    return cv2.resize(logits.astype(np.float32), (quarter, quarter), interpolation=cv2.INTER_LINEAR)


def corrective_clicks(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, rng: np.random.Generator):
    """One click a prompt where `logits` [B,P,h,w] is known to be wrong: coords [B,P,1,2], labels [B,P,1]."""
    guess, truth, sure = (plane.cpu().numpy() for plane in (logits > 0, targets > 0.5, known > 0.5))
    batch, prompts = guess.shape[:2]
    coords = torch.zeros(batch, prompts, 1, 2)
    labels = torch.zeros(batch, prompts, 1, dtype=torch.long)
    for b in range(batch):
        for p in range(prompts):
            wrong = (guess[b, p] != truth[b, p]) & sure[b, p]
            region = wrong if wrong.any() else (truth[b, p] if truth[b, p].any() else ~truth[b, p])
            x, y = inner_point(region, rng)
            coords[b, p, 0] = torch.tensor([4 * x + 1.5, 4 * y + 1.5])
            labels[b, p, 0] = int(truth[b, p, y, x])
    return coords.to(logits.device), labels.to(logits.device)
