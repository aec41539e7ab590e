"""Everything mode as Meta describes it (`SAM2AutomaticMaskGenerator`), on top of `Sam2Model`.

Simple and slow: every mask is a full-size array of floats. Boxes include the last row and column
(Meta's `batched_mask_to_box`); `bbox` is pycocotools' box of the mask.
"""

import math

import cv2
import numpy as np
import torch
from pycocotools import mask as coco

EDGE_TOLERANCE = 20


def crops_of(width: int, height: int, layers: int, overlap_ratio: float) -> list[tuple[list[int], int]]:
    crops = [([0, 0, width, height], 0)]
    for layer in range(1, layers + 1):
        number = 2**layer
        overlap = int(overlap_ratio * min(width, height) * (2 / number))
        crop_width, crop_height = (
            int(math.ceil((overlap * (number - 1) + length) / number)) for length in (width, height)
        )
        for column in range(number):
            for row in range(number):
                x, y = (crop_width - overlap) * column, (crop_height - overlap) * row
                crops.append(([x, y, min(x + crop_width, width), min(y + crop_height, height)], layer))
    return crops


def suppressed(items: list[dict], scores: list[float], threshold: float) -> list[dict]:
    """Greedy non-maximum suppression on boxes; equal scores in their order."""
    kept: list[dict] = []
    for i in sorted(range(len(items)), key=lambda i: -scores[i]):
        a = np.array(items[i]["box"], float)
        overlaps = []
        for other in kept:
            b = np.array(other["box"], float)
            sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
            both = np.prod(np.maximum(sides, 0))
            union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both
            overlaps.append(both / union if union > 0 else 0)
        if all(overlap <= threshold for overlap in overlaps):
            kept.append(items[i])
    return kept


def box_of(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])] if rows.size else [0, 0, 0, 0]


def without_small_regions(mask: np.ndarray, least: float) -> tuple[np.ndarray, bool]:
    changed = False
    for holes in (True, False):
        count, regions, stats, _ = cv2.connectedComponentsWithStats((holes ^ mask).astype(np.uint8), connectivity=8)
        areas = stats[1:, cv2.CC_STAT_AREA]
        small = [i + 1 for i, area in enumerate(areas) if area < least]
        if not small:
            continue
        changed = True
        if holes:
            mask = mask | np.isin(regions, small)
        else:
            kept = [i for i in range(1, count) if i not in small] or [int(areas.argmax()) + 1]
            mask = np.isin(regions, kept)
    return mask, changed


@torch.no_grad()
def segment_everything(model, stretch, picture, options: dict) -> list[dict]:
    """`stretch(picture, size)` gives normalized pixels; `options` are named as Meta's."""
    settings = dict(
        points_per_side=32,
        pred_iou_thresh=0.8,
        stability_score_thresh=0.95,
        stability_score_offset=1.0,
        box_nms_thresh=0.7,
        crop_n_layers=0,
        crop_nms_thresh=0.7,
        crop_overlap_ratio=512 / 1500,
        crop_n_points_downscale_factor=1,
        min_mask_region_area=0,
        use_m2m=False,
        multimask_output=True,
    ) | options
    width, height = picture.size
    size = model.config.prompt_encoder_config.image_size
    crops = crops_of(width, height, settings["crop_n_layers"], settings["crop_overlap_ratio"])
    everything: list[dict] = []
    for crop, layer in crops:
        x0, y0, x1, y1 = crop
        embeddings = model.get_image_embeddings(stretch(picture.crop((x0, y0, x1, y1)), size))
        side = int(settings["points_per_side"] / settings["crop_n_points_downscale_factor"] ** layer)
        found = []
        for row in range(side):
            for column in range(side):
                point = [(column + 0.5) / side, (row + 0.5) / side]
                prompt = dict(
                    image_embeddings=embeddings,
                    input_points=torch.tensor(point).mul(size).view(1, 1, 1, 2),
                    input_labels=torch.ones(1, 1, 1, dtype=torch.int64),
                )
                answer = model(**prompt, multimask_output=settings["multimask_output"])
                pairs = list(zip(answer.pred_masks[0, 0], answer.iou_scores[0, 0]))
                # the library gives the masks of a point by descending score
                pairs.sort(key=lambda pair: -pair[1].item())
                if settings["use_m2m"]:
                    again = [
                        model(**prompt, input_masks=low[None, None].clamp(-32, 32), multimask_output=False)
                        for low, _ in pairs
                    ]
                    pairs = [(a.pred_masks[0, 0, 0], a.iou_scores[0, 0, 0]) for a in again]
                for low, score in pairs:
                    if not score > settings["pred_iou_thresh"]:
                        continue
                    shape = (y1 - y0, x1 - x0)
                    logits = torch.nn.functional.interpolate(low[None, None], shape, mode="bilinear")[0, 0]
                    offset = settings["stability_score_offset"]
                    stability = ((logits > offset).sum() / (logits > -offset).sum()).item()
                    if not stability >= settings["stability_score_thresh"]:
                        continue
                    mask = np.zeros((height, width), bool)
                    mask[y0:y1, x0:x1] = (logits > 0).numpy()
                    box = box_of(mask)
                    cut = [
                        abs(edge - own) <= EDGE_TOLERANCE and abs(edge - whole) > EDGE_TOLERANCE
                        for edge, own, whole in zip(box, crop, [0, 0, width, height])
                    ]
                    if any(cut):
                        continue
                    at = [x0 + point[0] * (x1 - x0), y0 + point[1] * (y1 - y0)]
                    found.append(dict(mask=mask, box=box, score=score.item(), stability=stability, point=at, crop=crop))
        everything += suppressed(found, [item["score"] for item in found], settings["box_nms_thresh"])
    if len(crops) > 1:
        sizes = [(c[2] - c[0]) * (c[3] - c[1]) for c in (item["crop"] for item in everything)]
        everything = suppressed(everything, [1 / area for area in sizes], settings["crop_nms_thresh"])
    if settings["min_mask_region_area"] > 0:
        untouched = []
        for item in everything:
            item["mask"], changed = without_small_regions(item["mask"], settings["min_mask_region_area"])
            item["box"] = box_of(item["mask"])
            untouched.append(float(not changed))
        threshold = max(settings["box_nms_thresh"], settings["crop_nms_thresh"])
        everything = suppressed(everything, untouched, threshold)
    return [record(item) for item in everything]


def record(item: dict) -> dict:
    rle = coco.encode(np.asfortranarray(item["mask"].astype(np.uint8)))
    x0, y0, x1, y1 = item["crop"]
    return dict(
        segmentation=dict(size=rle["size"], counts=rle["counts"].decode()),
        area=int(coco.area(rle)),
        bbox=[int(value) for value in coco.toBbox(rle)],
        predicted_iou=round(item["score"], 6),
        point_coords=[item["point"]],
        stability_score=round(item["stability"], 6),
        crop_box=[x0, y0, x1 - x0, y1 - y0],
    )
