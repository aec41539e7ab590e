"""Measures sam2-mini: on held-out painted scenes, on held-out people, or on a folder of photographs with region labels.

    python evaluate.py scenes CACHE [--scenes 200] [--levels object part group]
    python evaluate.py people PICTURES
    python evaluate.py set FOLDER

with `[--checkpoint FOLDER] [--size 640] [--detail off|auto|always] [--each FILE.json] [--every N]`; SAM 2 and EdgeTAM checkpoints of transformers both open.
`set`: `FOLDER/prompts.json` lists `{image, labels, label, point [x,y], box [x1,y1,x2,y2]}`; the region is where the
picture `labels` equals `label`. `people`: of each picture that training leaves out (`training/held-out-people.txt`) the
person and two of their garments or parts.

Prints JSON: for 1, 3 and 5 clicks and for a box the mean IoU of the mask that is shown first and of the best of three,
and the first one's boundary F at 2 pixels; with the standard error of the first. One click is ambiguous: shown first is
the best-scored of the three; for more clicks and boxes it is the single-mask output, as in Meta's predictor. In painted
scenes a region is a whole object unless `--levels` asks for parts or groups of objects too, which no single answer to
one click can meet. Beside it two baselines: a disc of the mean region's size around the click, and the filled box.
Scores are compared with true IoU for the three masks of one click, and for the masks shown first for all prompts, and
for all that are returned: these, and the three. `--detail` looks at the mask shown first a second time, as the library
does (packages/sam2-core/src/detail); the best of three stays that of the first look. `--each` writes the values of each
prompt, so that two checkpoints can be compared in pairs, and the score and true IoU of each mask that is returned.
`--every 3` takes every third picture.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from transformers import AutoModel, PreTrainedModel

sys.path.insert(0, str(Path(__file__).parent / "training"))
import architecture  # noqa: E402
from predict import decode, encode  # noqa: E402

HELD_OUT_SEED = 20_000
BOUNDARY_PIXELS = 2
AT_ONCE = 8
"""Prompts of one picture that are decoded together."""


@dataclass
class Region:
    """A region to find: its mask [H,W], a click (x, y) and a box XYXY, in pixels of its picture."""

    mask: np.ndarray
    point: list[float]
    box: list[float]


Pictures = Iterator[tuple[np.ndarray, list[Region]]]
"""Pictures, RGB uint8, each once, with the regions to find in it."""


def pictures_of_set(folder: Path) -> Pictures:
    by_picture: dict[str, list[dict]] = {}
    for prompt in json.loads((folder / "prompts.json").read_text()):
        by_picture.setdefault(prompt["image"], []).append(prompt)
    for name, prompts in by_picture.items():
        labels = {file: np.asarray(Image.open(folder / file)) for file in {p["labels"] for p in prompts}}
        regions = [Region(labels[p["labels"]] == p["label"], p["point"], p["box"]) for p in prompts]
        yield np.asarray(Image.open(folder / name).convert("RGB")), regions


def pictures_of_scenes(cache: Path, scenes: int, size: int, levels: list[str]) -> Pictures:
    """Painted scenes of seeds that training never saw; two regions of `levels` a scene."""
    import sources
    from painting import Painter

    painter = Painter(sources.load(cache))
    for index in range(scenes):
        scene = painter.paint(np.random.default_rng((HELD_OUT_SEED, index)), size)
        rng = np.random.default_rng((HELD_OUT_SEED, index))
        chosen = rng.permutation(np.flatnonzero(np.isin(scene.level, levels)))[:2]
        yield scene.picture, [region_of(scene.masks[k]) for k in chosen]


def pictures_of_people(folder: Path) -> Pictures:
    from photographs import held_out_people, parts_of, read_labels, read_picture

    for name in held_out_people():
        file = folder / "people" / f"{name}.jpg"
        labels = read_labels(file)
        parts = [mask for _, mask in parts_of(labels, int(0.003 * labels.size))]
        rng = np.random.default_rng(int(name))
        chosen = [labels > 0, *(parts[k] for k in rng.permutation(len(parts))[:2])]
        yield np.ascontiguousarray(read_picture(file)), [region_of(mask) for mask in chosen]


def inner_point(mask: np.ndarray) -> list[int]:
    """The innermost pixel, x and y."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return [int(x), int(y)]


def region_of(mask: np.ndarray) -> Region:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Region(mask, inner_point(mask), [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def boundary(mask: np.ndarray) -> np.ndarray:
    """The mask's pixels that touch what is not in it; the picture's border does not count."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return mask & (inner == 0)


def boundary_f(found: np.ndarray, truth: np.ndarray) -> float:
    """F of the share of each boundary that lies within BOUNDARY_PIXELS of the other (Martin et al. 2004, without matching)."""
    ours, theirs = boundary(found), boundary(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())

    def near(these: np.ndarray, those: np.ndarray) -> float:
        distance = cv2.distanceTransform((~those).astype(np.uint8), cv2.DIST_L2, 5)
        return float((distance[these] <= BOUNDARY_PIXELS).mean())

    precision, recall = near(ours, theirs), near(theirs, ours)
    return 2 * precision * recall / max(precision + recall, 1e-9)


class Answers:
    """The answers to prompts about one picture, which is encoded once."""

    def __init__(self, model: PreTrainedModel, size: int, picture: np.ndarray):
        self.model = model
        self.height, self.width = picture.shape[:2]
        self.scale = torch.tensor([size / self.width, size / self.height])
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None]
        pixels = torch.nn.functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
        self.features = encode(model, pixels.permute(0, 2, 3, 1))

    def __call__(self, coords: np.ndarray, labels: np.ndarray, previous: torch.Tensor | None, single: bool = False):
        """For `coords` [P,N,2] and `labels` [P,N]: masks bool [P,4,H,W], first the one shown, then the three; scores
        [P,4] of these; the shown one's logits [P,1,h,w], for the next round. One click shows the best of the three,
        unless `single` asks for the single mask."""
        coords = torch.tensor(coords, dtype=torch.float32)[None] * self.scale
        masks, scores = decode(self.model, self.features, coords, torch.tensor(labels)[None], previous)
        masks, scores = masks[0], scores[0]
        shown = 1 + scores[:, 1:].argmax(1)
        if labels.shape[1] > 1 or single:
            inner, outer = ((masks[:, 0] > edge).sum((1, 2)) for edge in (0.05, -0.05))
            shown = torch.where(inner >= 0.98 * outer, 0, shown)
        order = torch.cat([shown[:, None], torch.tensor([[1, 2, 3]]).expand(len(masks), -1)], 1)
        rows = torch.arange(len(masks))[:, None]
        ordered = masks[rows, order]
        full = torch.nn.functional.interpolate(ordered, (self.height, self.width), mode="bilinear") > 0
        return full.numpy(), scores[rows, order].numpy(), ordered[:, :1].clamp(-32, 32)


def region_around(mask: np.ndarray, coords: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two corners of what a second look sees: 1.4 times the box of the mask, of the points on it and of the prompt's box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    positive = coords[labels > 0].reshape(-1, 2)
    low = np.minimum([columns[0], rows[0]], positive.min(0, initial=np.inf))
    high = np.maximum([columns[-1] + 1, rows[-1] + 1], positive.max(0, initial=0))
    extent = 1.4 * (high - low)
    extent = np.maximum(extent, max(48, extent.max() / 2))
    bounds = np.array(mask.shape[::-1])
    center = (low + high) / 2
    low = np.floor(np.clip(center - extent / 2, 0, bounds)).astype(int)
    return low, np.ceil(np.clip(center + extent / 2, 0, bounds)).astype(int)


def second_look(model, size, picture, coords, labels, mask, logits, score, detail: str) -> np.ndarray:
    """The mask of one prompt after a second look, or `mask` itself where there is none or it seems worse.

    `coords` [N,2] and `labels` [N] in pixels of the picture; `logits` [1,1,h,w] and `score` of the first look.
    """
    if not mask.any():
        return mask
    low, high = region_around(mask, coords, labels)
    if detail == "auto" and np.prod(high - low) >= 0.25 * mask.size:
        return mask
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    answers = Answers(model, size, np.ascontiguousarray(picture[window]))
    whole = torch.nn.functional.interpolate(logits, mask.shape, mode="bilinear")[(..., *window)]
    inside = torch.nn.functional.interpolate(whole, logits.shape[2:], mode="bilinear", antialias=True)
    kept = (labels >= 0) & ((coords >= low) & (coords <= high)).all(1)
    if not kept.any():  # a mask without points gets a padding point
        coords, labels, kept = np.zeros((1, 2)) + low, np.array([-1]), np.array([True])
    masks, scores, found = answers((coords[kept] - low)[None], labels[kept][None], inside, single=True)
    agreement = iou((found[0, 0] > 0).numpy(), (inside[0, 0] > 0).numpy())
    if scores[0, 0] < score - 0.1 or agreement < 0.3:
        return mask
    closer = np.zeros_like(mask)
    closer[window] = masks[0, 0]
    return closer


@torch.no_grad()
def evaluate(model: PreTrainedModel, size: int, pictures: Pictures, detail: str) -> tuple[dict, dict]:
    """The report, and the values of each prompt."""
    architecture.set_image_size(model, size)
    first = {name: [] for name in ("click1", "click3", "click5", "box")}
    best, edges = ({name: [] for name in first} for _ in range(2))
    of_three, of_shown, of_more, regions_seen = [], [], [], []

    for picture, regions in pictures:
        answers = Answers(model, size, picture)
        remaining = iter(regions)
        while some := list(islice(remaining, AT_ONCE)):

            def record(name, coords, labels, masks, scores, logits) -> None:
                for k, (region, four, their_scores) in enumerate(zip(some, masks, scores)):
                    if detail != "off":
                        prompt = (coords[k], labels[k], four[0], logits[k : k + 1], their_scores[0])
                        four[0] = second_look(model, size, picture, *prompt, detail)
                    overlaps = [iou(mask, region.mask) for mask in four]
                    first[name].append(overlaps[0])
                    best[name].append(max(overlaps[1:]))
                    edges[name].append(boundary_f(four[0], region.mask))
                    of_shown.append((their_scores[0], overlaps[0]))
                    if name == "click1":
                        of_three.extend(zip(their_scores[1:], overlaps[1:]))
                    else:
                        of_more.append(of_shown[-1])

            coords = np.array([[region.point] for region in some], np.float32)
            labels = np.ones((len(some), 1), np.int64)
            previous = None
            for clicks in range(1, 6):
                masks, scores, previous = answers(coords, labels, previous)
                if clicks in (1, 3, 5):
                    record(f"click{clicks}", coords, labels, masks.copy(), scores, previous)
                more, kinds = np.zeros((len(some), 1, 2), np.float32), np.full((len(some), 1), -1)
                for row, (region, four) in enumerate(zip(some, masks)):
                    wrong = four[0] != region.mask
                    if wrong.any():  # otherwise the click stays a padding point
                        x, y = inner_point(wrong)
                        more[row, 0], kinds[row, 0] = (x, y), region.mask[y, x]
                coords, labels = np.concatenate([coords, more], 1), np.concatenate([labels, kinds], 1)
            boxes = np.array([region.box for region in some], np.float32).reshape(-1, 2, 2)
            corners = np.tile([2, 3], (len(some), 1))
            record("box", boxes, corners, *answers(boxes, corners, None))
            regions_seen += some

    mean_share = float(np.mean([region.mask.mean() for region in regions_seen]))
    discs, boxes = [], []
    for region in regions_seen:
        y, x = np.mgrid[: region.mask.shape[0], : region.mask.shape[1]]
        distance = (x - region.point[0]) ** 2 + (y - region.point[1]) ** 2
        discs.append(iou(distance < mean_share * region.mask.size / np.pi, region.mask))
        x1, y1, x2, y2 = region.box
        filled = np.zeros_like(region.mask)
        filled[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
        boxes.append(iou(filled, region.mask))

    def correlation(pairs: list) -> float:
        return round(float(np.corrcoef(np.array(pairs).T)[0, 1]), 3)

    rows = {
        name: dict(
            first=round(float(np.mean(first[name])), 4),
            best=round(float(np.mean(best[name])), 4),
            boundary=round(float(np.mean(edges[name])), 4),
            error=round(float(np.std(first[name]) / len(first[name]) ** 0.5), 4),
        )
        for name in first
    }
    report = dict(
        prompts=len(regions_seen),
        **rows,
        baselines=dict(disc=round(float(np.mean(discs)), 4), box=round(float(np.mean(boxes)), 4)),
        score_correlation=dict(
            three_of_one_click=correlation(of_three),
            shown_of_all=correlation(of_shown),
            returned_of_all=correlation(of_three + of_more),
        ),
    )
    returned = [[float(score), overlap] for score, overlap in of_three + of_more]
    return report, dict(first=first, best=best, boundary=edges, returned=returned)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["scenes", "people", "set"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).parent)
    parser.add_argument("--size", type=int, default=architecture.IMAGE_SIZE)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--levels", nargs="+", choices=["object", "part", "group"], default=["object"])
    parser.add_argument("--detail", choices=["off", "auto", "always"], default="off")
    parser.add_argument("--each", type=Path, help="a file for the values of each prompt")
    parser.add_argument("--every", type=int, default=1, help="take every Nth picture")
    arguments = parser.parse_args()
    torch.compiler.set_stance("force_eager")
    model = AutoModel.from_pretrained(arguments.checkpoint, dtype=torch.float32).eval()
    if arguments.kind == "set":
        pictures = pictures_of_set(arguments.folder)
    elif arguments.kind == "people":
        pictures = pictures_of_people(arguments.folder)
    else:
        pictures = pictures_of_scenes(arguments.folder, arguments.scenes, arguments.size, arguments.levels)
    pictures = islice(pictures, 0, None, arguments.every)
    report, each = evaluate(model, arguments.size, pictures, arguments.detail)
    print(json.dumps(report))
    if arguments.each:
        arguments.each.write_text(json.dumps(each))


if __name__ == "__main__":
    main()
