"""What a trained model is sure of in photographs: regions for a second round of training on its own answers.

    python answers.py CACHE PICTURES [--hours 0.25] [--first 0] [--step 1]
    python answers.py CACHE PICTURES --check people objects [--pictures 60]
    python answers.py CACHE PICTURES --sheet FILE [--pictures 24]

with `[--checkpoint FOLDER]`. As in the third stage of SAM's data engine (Kirillov et al. 2023) a grid of clicks is put
to the model, and an answer is kept where it is sure and where other looks agree: the picture mirrored and smaller, asked
with the answer's innermost point, with another point of it and with its box. What is kept is the mean of these answers,
as `CACHE/answers/NAME.npz`; where they differ it is unknown. What exists is not asked again, so that one can stop, go on
and share the work (`--first 0 --step 2`, `--first 1 --step 2`); another checkpoint's answers are refused.

`--check` compares what would be kept with the labels of pictures that have some; `--sheet` draws what was kept.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from transformers import EdgeTamModel

import architecture
from photographs import files_of, held_out_people, parts_of, read_labels, read_picture
from predict import decode, encode
from prompts import inner_point
from stored import check_origin, digest_of, store

SEED = 4
SIZE, SMALLER = 512, 384
"""Sides of the pictures that the model sees at the first look and, mirrored, at the second."""
CELLS = SIZE // 4
GRID = 10
"""Clicks in a row and in a column."""
AT_ONCE = 16
CANDIDATES = 24
"""Answers of a picture that are looked at again, the best-scored ones."""
MIN_SHARE, MAX_SHARE = 0.004, 0.7
SCORE, STABILITY, AGREEMENT = 0.5, 0.75, 0.7
SAME = 0.75
"""Two answers with this IoU are one."""
LOGIT_STEPS = 8
"""Stored logits are whole eighths."""


@dataclass
class Kept:
    """What is kept of a picture: `logits` int8 [K,CELLS,CELLS], 0 where unknown; how sure: [K] each."""

    logits: np.ndarray
    score: np.ndarray
    stability: np.ndarray
    agreement: np.ndarray


class Look:
    """A picture as the model sees it at a size, mirrored or not; takes and gives what belongs to the picture as it is."""

    def __init__(self, model: EdgeTamModel, picture: np.ndarray, size: int, mirrored: bool):
        architecture.set_image_size(model, size)
        self.model, self.size, self.mirrored = model, size, mirrored
        seen = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if size < picture.shape[0] else cv2.INTER_LINEAR)
        self.features = encode(model, torch.from_numpy(np.ascontiguousarray(seen[:, ::-1] if mirrored else seen))[None])

    def __call__(self, places: np.ndarray, labels: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """For places [P,N,2], in shares of the sides: logits [P,4,CELLS,CELLS] and scores [P,4]."""
        architecture.set_image_size(self.model, self.size)
        coords = torch.tensor(places, dtype=torch.float32) * self.size
        if self.mirrored:
            coords[..., 0] = self.size - coords[..., 0]
            if labels == [2, 3]:  # left and right change places
                coords[..., 0] = coords[..., 0].flip(-1)
        found = []
        for some in coords.split(AT_ONCE):
            masks, scores = decode(self.model, self.features, some[None], torch.tensor(labels).expand(1, len(some), -1))
            masks = masks[0].flip(-1) if self.mirrored else masks[0]
            found.append((F.interpolate(masks.float(), (CELLS, CELLS), mode="bilinear"), scores[0].float()))
        return torch.cat([masks for masks, _ in found]), torch.cat([scores for _, scores in found])


def ious(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """IoU [N,M] of each of the masks bool [N,h,w] with each of [M,h,w]."""
    a, b = first.flatten(1).float(), second.flatten(1).float()
    both = a @ b.T
    return both / (a.sum(1)[:, None] + b.sum(1) - both).clamp(min=1)


def stability_of(logits: torch.Tensor) -> torch.Tensor:
    """How little masks [N,h,w] change with the threshold, [N]: the IoU of those at 1 and at −1."""
    return (logits > 1).sum((1, 2)) / (logits > -1).sum((1, 2)).clamp(min=1)


def in_steps(logits: torch.Tensor) -> torch.Tensor:
    """Logits as they are stored, int8: only 0, which means unknown, becomes 0."""
    steps = (logits * LOGIT_STEPS).clamp(-127, 127)
    return torch.where(logits == 0, 0, steps.sign() * steps.abs().clamp(min=1)).round().to(torch.int8)


def distinct(masks: torch.Tensor, order: torch.Tensor, most: int, iou: float = SAME) -> torch.Tensor:
    """Indices of up to `most` masks, by `order`, none with that much of one before it (non-maximum suppression)."""
    same = ious(masks, masks) > iou
    kept: list[int] = []
    for index in order.argsort(descending=True).tolist():
        if not same[index, kept].any():
            kept.append(index)
        if len(kept) == most:
            break
    return torch.tensor(kept, dtype=torch.long)


@torch.no_grad()
def ask(model: EdgeTamModel, picture: np.ndarray, bounds: tuple[float, float, float] = (SCORE, STABILITY, AGREEMENT)) -> Kept:
    """The regions of a square picture, RGB uint8, of which the model is sure; `bounds` of score, stability, agreement."""
    least_score, least_stability, least_agreement = bounds
    rng = np.random.default_rng(SEED)
    with torch.autocast("cpu", torch.bfloat16):
        first = Look(model, picture, SIZE, mirrored=False)
        ticks = (np.arange(GRID) + 0.5) / GRID
        grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 1, 2)
        logits, scores = first(grid, [1])
        logits, scores = logits[:, 1:].flatten(0, 1), scores[:, 1:].flatten()
        stability = stability_of(logits)
        share = (logits > 0).float().mean((1, 2))
        fit = (scores > least_score) & (stability > least_stability) & (share > MIN_SHARE) & (share < MAX_SHARE)
        logits, scores, stability = logits[fit], scores[fit], stability[fit]
        chosen = distinct(logits > 0, scores, CANDIDATES)
        logits, scores, stability = logits[chosen], scores[chosen], stability[chosen]
        if not len(chosen):
            return Kept(np.zeros((0, CELLS, CELLS), np.int8), *(np.zeros(0, np.float32),) * 3)
        masks = (logits > 0).numpy()
        points = np.array([[innermost(mask), anywhere(mask, rng)] for mask in masks])
        again = Look(model, picture, SMALLER, mirrored=True)
        # the nearest of one click's three answers, since a click alone does not say which of them is meant
        answers = [logits]
        for index in range(points.shape[1]):
            three = again(points[:, index : index + 1], [1])[0][:, 1:]
            near = torch.stack([ious(of_one > 0, mask[None] > 0)[:, 0] for of_one, mask in zip(three, logits)])
            answers.append(three[torch.arange(len(three)), near.argmax(1)])
        answers.append(again(np.array([box_of(mask) for mask in masks]), [2, 3])[0][:, 0])
    every = torch.stack(answers, 1).clamp(-8, 8)
    agreement = torch.stack([ious(of_one[1:] > 0, of_one[:1] > 0).min() for of_one in every])
    mean, split = every.mean(1), (every > 0).float().mean(1)
    mean[(split > 0.25) & (split < 0.75)] = 0
    steps = in_steps(mean)
    sure = torch.nonzero(agreement > least_agreement)[:, 0]
    sure = sure[distinct(steps[sure] > 0, agreement[sure], CANDIDATES)]
    return Kept(*(values[sure].numpy() for values in (steps, scores, stability, agreement)))


def innermost(mask: np.ndarray) -> np.ndarray:
    """The place of a mask that is furthest from its outline, in shares of the sides."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return (np.array([x, y]) + 0.5) / mask.shape[0]


def anywhere(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Any place of a mask but its rim."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    index = int(rng.choice(np.flatnonzero(inner if inner.any() else mask)))
    return (np.array([index % mask.shape[1], index // mask.shape[1]]) + 0.5) / mask.shape[0]


def box_of(mask: np.ndarray) -> np.ndarray:
    """Two corners [2,2], in shares of the sides."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]]) / mask.shape[0]


def pictures_of(cache: Path, pictures: Path) -> list[Path]:
    """All training photographs, each kind in an order of chance: small pictures of things, people, crops of wallpapers.

    Where the time ends before the pictures do it went to those that hold most: of wallpapers hardly anything is kept.
    Small pictures and crops come as hierarchy.py stored them.
    """
    held_out = set(held_out_people())
    people = [file for file in files_of(pictures / "people", "*.jpg") if file.stem not in held_out]
    stored = files_of(cache / "hierarchy", "*.npz")
    things = {file.stem for file in files_of(pictures / "unlabeled", "*.jpg")}
    kinds = [[f for f in stored if f.stem in things], people, [f for f in stored if f.stem not in things]]
    rng = np.random.default_rng(SEED)
    return [files[index] for files in kinds for index in rng.permutation(len(files))]


def square(file: Path) -> np.ndarray:
    """The picture of a file as a square, RGB uint8."""
    if file.suffix == ".npz":
        with np.load(file) as stored:
            return stored["picture"]
    return cv2.resize(read_picture(file), (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def regions_labeled(file: Path, kind: str) -> np.ndarray:
    """What labels call a region, bool [R,CELLS,CELLS]: of people the parts and the person, of objects the thing and the ground."""
    labels = cv2.resize(read_labels(file), (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)
    thing = labels > 0
    masks = [thing, *(mask for _, mask in parts_of(labels, 500))] if kind == "people" else [thing, ~thing]
    return np.stack([mask[2::4, 2::4] for mask in masks])


def check(model: EdgeTamModel, folder: Path, kind: str, count: int) -> None:
    """Prints, for bounds of each measure, how many answers would be kept and how many of them are a labeled region.

    Counted are answers of which half or more lies on what is labeled.
    """
    held_out = set(held_out_people())
    files = [file for file in files_of(folder / kind, "*.jpg") if file.stem not in held_out]
    rows = []
    for index in np.random.default_rng(SEED).permutation(len(files))[:count]:
        picture = cv2.resize(read_picture(files[index]), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        kept = ask(model, picture, (0.3, 0.5, 0.3))
        labeled = regions_labeled(files[index], kind)
        masks = kept.logits > 0
        truth = ious(torch.from_numpy(masks), torch.from_numpy(labeled)).max(1).values if len(masks) else []
        for mask, best, *measures in zip(masks, truth, kept.score, kept.stability, kept.agreement):
            if (mask & labeled.any(0)).sum() >= 0.5 * mask.sum():
                rows.append((float(best), *map(float, measures)))
    best, *measures = np.array(rows).T
    for name, values in zip(("score", "stability", "agreement"), measures):
        told = np.corrcoef(values, best)[0, 1]
        print(f"{kind} {name}: correlates with the IoU by {told:.3f}")
        for bound in np.quantile(values, (0, 0.25, 0.5, 0.75, 0.9)):
            over = best[values >= bound]
            print(f"  >= {bound:.3f}: {len(over) / count:.1f} a picture, {(over >= 0.75).mean():.3f} right")
    over = best[(measures[0] > SCORE) & (measures[1] > STABILITY) & (measures[2] > AGREEMENT)]
    print(f"  as kept: {len(over) / count:.1f} a picture, {(over >= 0.75).mean():.3f} right, mean IoU {over.mean():.3f}")


def sheet(files: list[Path], target: Path) -> None:
    """Draws what stored answers kept of pictures, each region in a color, with its agreement."""
    tiles = []
    for file in files:
        with np.load(file) as stored:
            picture, logits, agreement = stored["picture"], stored["logits"], stored["agreement"]
        tile = cv2.resize(picture, (256, 256)).astype(np.float32)
        plain = tile.copy()
        masks = [cv2.resize(one.astype(np.float32), (256, 256)) > 0 for one in logits]
        for index in sorted(range(len(masks)), key=lambda k: -masks[k].sum()):
            hue = np.uint8([[[index * 47 % 180, 230, 255]]])
            color = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
            tile[masks[index]] = 0.5 * plain[masks[index]] + 0.5 * color
            outlines, _ = cv2.findContours(masks[index].astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(tile, outlines, -1, color.tolist(), 2)
        pair = np.hstack([plain, tile]).astype(np.uint8)
        cv2.putText(pair, " ".join(f"{a:.2f}" for a in agreement[:10]), (4, 12), cv2.FONT_HERSHEY_PLAIN, 0.7, (255, 255, 255))
        tiles.append(pair)
    rows = [np.hstack(tiles[at : at + 3]) for at in range(0, len(tiles) - len(tiles) % 3, 3)]
    cv2.imwrite(str(target), np.vstack(rows)[:, :, ::-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=Path)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--hours", type=float, default=float("inf"))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--pictures", type=int, help="how many; default: all")
    parser.add_argument("--check", nargs="+", choices=["people", "objects"], default=[])
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    torch.compiler.set_stance("force_eager")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = EdgeTamModel.from_pretrained(arguments.checkpoint, dtype=torch.float32).eval()
    for kind in arguments.check:
        check(model, arguments.photographs, kind, arguments.pictures or 60)
    files = pictures_of(arguments.cache, arguments.photographs)[: arguments.pictures]
    folder = arguments.cache / "answers"
    if arguments.sheet:
        made = [folder / f"{file.stem}.npz" for file in files]
        sheet([file for file in made if file.exists()], arguments.sheet)
    if arguments.sheet or arguments.check:
        return
    folder.mkdir(exist_ok=True)
    digest = digest_of(arguments.checkpoint)
    begin, found = time.time(), 0
    for count, file in enumerate(files[arguments.first :: arguments.step]):
        target = folder / f"{file.stem}.npz"
        if time.time() - begin > 3600 * arguments.hours:
            break
        if target.exists():
            check_origin(target, digest)
        else:
            picture = square(file)
            kept = ask(model, picture)
            found += len(kept.logits)
            store(target, checkpoint=np.array(digest), picture=picture, logits=kept.logits, agreement=kept.agreement)
            if count % 25 == 0:
                print(f"{count + 1} pictures, {found} regions, {time.time() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
