"""Measures sam2-mini: on held-out made scenes, or on a folder of photographs with region labels.

    python evaluate.py synthetic CACHE_FOLDER [--levels object part group] [--checkpoint FOLDER] [--size 640] [--scenes 500]
    python evaluate.py set FOLDER [--checkpoint FOLDER] [--size 640]

`FOLDER/prompts.json` lists `{image, labels, label, point [x,y], box [x1,y1,x2,y2]}`; the region is
where the 16-bit picture `labels` equals `label`. Prints mIoU as JSON: for 1, 3 and 5 clicks and
for a box, of the mask that is shown first and of the best of three. One click is ambiguous: shown
first is the best-scored of the three; for more clicks and boxes it is the single-mask output, as in
Meta's predictor. In made scenes a region is a whole object unless `--levels` asks for parts or groups
of objects too, which no single answer to one click can meet. Beside it two baselines: a disc of the mean region's size around the click, and
the filled box.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from transformers import Sam2Model

sys.path.insert(0, str(Path(__file__).parent / "training"))
import architecture  # noqa: E402
from train import decode, encode  # noqa: E402

HELD_OUT_SEED = 20_000


def regions_of_set(folder: Path):
    """Yields picture, mask, click, box."""
    for prompt in json.loads((folder / "prompts.json").read_text()):
        picture = np.asarray(Image.open(folder / prompt["image"]).convert("RGB"))
        labels = np.asarray(Image.open(folder / prompt["labels"]))
        yield picture, labels == prompt["label"], prompt["point"], prompt["box"]


def inner_point(mask: np.ndarray) -> list[int]:
    """The innermost pixel, x and y."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return [int(x), int(y)]


def regions_of_scenes(cache: Path, scenes: int, size: int, levels: list[str]):
    """The same, from painted scenes of seeds that training never saw; two regions of `levels` a scene."""
    from scenes import SceneMaker

    maker = SceneMaker(cache, pseudo_share=0)
    for index in range(scenes):
        scene = maker.make((HELD_OUT_SEED, index), size)
        rng = np.random.default_rng((HELD_OUT_SEED, index))
        for chosen in rng.permutation(np.flatnonzero(np.isin(scene.level, levels)))[:2]:
            mask = scene.masks[chosen]
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            yield scene.picture, mask, inner_point(mask), [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


@torch.no_grad()
def evaluate(model: Sam2Model, size: int, regions) -> dict:
    architecture.set_image_size(model, size)
    found: dict[str, list] = {name: [] for name in ("click1", "click3", "click5", "box")}
    shares, distances, scores_of = [], [], []
    items, last, features = list(regions), None, None
    for picture, truth, point, box in items:
        height, width = truth.shape
        scale = torch.tensor([size / width, size / height])
        if picture is not last:
            resized = torch.from_numpy(picture).permute(2, 0, 1)[None]
            resized = torch.nn.functional.interpolate(resized, (size, size), mode="bilinear", antialias=True)
            features, last = encode(model, resized.permute(0, 2, 3, 1)), picture

        def answer(coords, labels, previous):
            """The mask shown first and the three, at full size; the three's scores; the first one's logits."""
            coords = torch.tensor(coords, dtype=torch.float32)[None, None] * scale
            masks, scores = decode(model, features, coords, torch.tensor(labels)[None, None], previous)
            masks, scores = masks[0, 0], scores[0, 0]
            top = 1 + int(scores[1:].argmax())
            stable = (masks[0] > 0.05).sum() >= 0.98 * (masks[0] > -0.05).sum()
            shown = 0 if len(labels) > 1 and stable else top
            order = [shown, 1, 2, 3]
            full = torch.nn.functional.interpolate(masks[order][None], (height, width), mode="bilinear")[0] > 0
            return full.numpy(), scores[1:], masks[shown][None, None].clamp(-32, 32)

        def record(name, masks):
            first, *three = [iou(mask, truth) for mask in masks]
            found[name].append((first, max(three)))
            return three

        coords, labels, previous = [list(point)], [1], None
        for clicks in range(1, 6):
            masks, scores, previous = answer(coords, labels, previous)
            if clicks in (1, 3, 5):
                overlaps = record(f"click{clicks}", masks)
                if clicks == 1:
                    scores_of += list(zip(scores.tolist(), overlaps))
            wrong = masks[0] != truth
            if wrong.any():
                x, y = inner_point(wrong)
                coords.append([x, y])
                labels.append(int(truth[y, x]))
        record("box", answer([box[:2], box[2:]], [2, 3], None)[0])
        shares.append(truth.mean())
        y, x = np.mgrid[:height, :width]
        distances.append(((x - point[0]) ** 2 + (y - point[1]) ** 2, truth, box))
    mean_share = float(np.mean(shares))
    discs = [iou(d < mean_share * t.size / np.pi, t) for d, t, _ in distances]
    boxes = []
    for _, truth, (x1, y1, x2, y2) in distances:
        filled = np.zeros_like(truth)
        filled[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
        boxes.append(iou(filled, truth))
    report = {name: dict(zip(("top", "best"), np.mean(values, 0).round(4).tolist())) for name, values in found.items()}
    correlation = float(np.corrcoef(np.array(scores_of).T)[0, 1])
    return dict(
        prompts=len(items),
        **report,
        baselines=dict(disc=round(float(np.mean(discs)), 4), box=round(float(np.mean(boxes)), 4)),
        score_correlation=round(correlation, 3),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["synthetic", "set"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).parent)
    parser.add_argument("--size", type=int, default=architecture.IMAGE_SIZE)
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--levels", nargs="+", choices=["object", "part", "group"], default=["object"])
    arguments = parser.parse_args()
    torch.compiler.set_stance("force_eager")
    model = Sam2Model.from_pretrained(arguments.checkpoint, dtype=torch.float32).eval()
    if arguments.kind == "set":
        regions = regions_of_set(arguments.folder)
    else:
        regions = regions_of_scenes(arguments.folder, arguments.scenes, arguments.size, arguments.levels)
    print(json.dumps(evaluate(model, arguments.size, regions)))


if __name__ == "__main__":
    main()
