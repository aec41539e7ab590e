"""Draws what two checkpoints answer to the same clicks and boxes, side by side, on the demo's samples.

    python compare.py BEFORE AFTER --out before-after.jpg [--size 640]

A row has three pairs; in each pair the left picture is BEFORE's answer and the right one AFTER's. The mask that is shown first is blue,
the click or the box red.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from transformers import AutoModel

from evaluate import Answers, architecture

SAMPLES = Path(__file__).parents[2] / "demo" / "public" / "samples"
WIDE, HIGH = 240, 160
PAIRS_IN_A_ROW = 3
MASK, PROMPT = (30, 110, 255), (255, 60, 60)

PROMPTS: dict[str, list[tuple[float, ...]]] = {
    "truck": [(0.5, 0.48), (0.28, 0.31), (0.32, 0.61), (0.86, 0.63), (0.04, 0.22, 0.96, 0.72), (0.235, 0.5, 0.39, 0.74)],
    "cars": [(0.18, 0.62), (0.33, 0.45), (0.75, 0.55), (0.06, 0.32, 0.6, 0.8), (0.6, 0.02, 1.0, 0.98)],
    "groceries": [(0.3, 0.5), (0.55, 0.4), (0.75, 0.6), (0.46, 0.3, 0.82, 0.66)],
}
"""By sample: clicks (x, y) and boxes (x1, y1, x2, y2), in shares of its sides."""


def drawn(picture: np.ndarray, mask: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A small picture with a mask [H,W] and a prompt's places [N,2] on it."""
    tinted = picture.astype(np.float32)
    tinted[mask] = 0.45 * tinted[mask] + 0.55 * np.array(MASK)
    small = cv2.resize(tinted.astype(np.uint8), (WIDE, HIGH), interpolation=cv2.INTER_AREA)
    corners = (places * np.array([WIDE, HIGH]) / picture.shape[1::-1]).round().astype(int).tolist()
    if len(corners) == 1:
        cv2.circle(small, corners[0], 4, PROMPT, -1, cv2.LINE_AA)
    else:
        cv2.rectangle(small, *corners, PROMPT, 1)
    return small


def column(checkpoint: str, size: int) -> list[np.ndarray]:
    """A checkpoint's answers to all prompts."""
    model = AutoModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
    architecture.set_image_size(model, size)
    found = []
    for name, prompts in PROMPTS.items():
        picture = np.asarray(Image.open(SAMPLES / f"{name}.jpg").convert("RGB"))
        answers = Answers(model, size, picture)
        for prompt in prompts:
            places = np.array(prompt, np.float32).reshape(-1, 2) * picture.shape[1::-1]
            labels = np.array([[1]] if len(places) == 1 else [[2, 3]])
            masks, _, _ = answers(places[None], labels, None)
            found.append(drawn(picture, masks[0, 0], places))
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("before")
    arguments.add_argument("after")
    arguments.add_argument("--size", type=int, default=640)
    arguments.add_argument("--out", required=True)
    given = arguments.parse_args()
    with torch.no_grad():
        both = zip(column(given.before, given.size), column(given.after, given.size), strict=True)
        pairs = [np.pad(np.hstack(pair), ((2, 2), (2, 2), (0, 0)), constant_values=255) for pair in both]
    rows = [np.hstack(pairs[at : at + PAIRS_IN_A_ROW]) for at in range(0, len(pairs), PAIRS_IN_A_ROW)]
    Image.fromarray(np.vstack(rows)).save(given.out, quality=80, optimize=True)


if __name__ == "__main__":
    main()
