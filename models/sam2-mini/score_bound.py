"""How well any score of a single click's masks could tell their true IoU: the published scores beside two kinds of knowledge.

    python score_bound.py FOLDER... [--checkpoint FOLDER] [--size 640]

Each FOLDER is a set as evaluate.py takes it (with `prompts.json`), or the pictures that hold `people/`, of which the
held-out ones are taken. Regions and clicks are evaluate.py's.

Regression trees see of each of a click's three masks what there is to see: the scores, the token that they are read from
(its 24 main directions), sizes, bounding boxes, stability, logits, how much the masks overlap, and where the click is.
`own`: they learn from the true IoU of nine tenths of the same set, and guess the rest, picture by picture, so they know
what its annotators call a region, which no published model may. `others`: they learn from the other folders.

Prints JSON, a line a folder: the correlation of guessed and true IoU over all three masks, and the mean IoU of the mask
with the highest guess (`shown`), for the published scores and both kinds of trees; and the mean IoU of the best mask.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import GroupKFold
from transformers import AutoModel, PreTrainedModel

# evaluate.py puts training/ where modules are found
from evaluate import Answers, Pictures, Region, architecture, decode, iou, pictures_of_people, pictures_of_set
from answers import stability_of

DIRECTIONS = 24
FOLDS = 10


def seen_of(logits: np.ndarray, masks: np.ndarray, scores: np.ndarray, point: np.ndarray) -> np.ndarray:
    """What is to be seen of one click's four masks: `logits` [4,h,w], `masks` bool [4,H,W], `scores` [4], `point` in shares."""
    size = masks.shape[1:]
    overlaps = [iou(masks[a], masks[b]) for a in range(4) for b in range(a)]
    each = []
    for plane, mask, stability in zip(logits, masks, stability_of(torch.from_numpy(logits)).tolist()):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        corners = [columns[0] / size[1], rows[0] / size[0], columns[-1] / size[1], rows[-1] / size[0]] if len(rows) else [0] * 4
        inside = plane[plane > 0].mean() if (plane > 0).any() else 0
        each.append([stability, mask.mean(), np.abs(plane).clip(0, 10).mean(), inside, *corners])
    per_mask = np.array(each)
    shared = np.concatenate([scores, per_mask.ravel(), overlaps, point])
    return np.stack([[*np.eye(3)[k - 1], scores[k], *per_mask[k], *shared] for k in (1, 2, 3)])


@torch.no_grad()
def look(model: PreTrainedModel, size: int, pictures: Pictures) -> tuple[np.ndarray, ...]:
    """Of three masks a click, N = 3 × clicks: what is seen [N,K], the token [N,C], scores [N], true IoU [N], the picture [N]."""
    tokens = []
    hook = model.mask_decoder.iou_prediction_head.register_forward_hook(
        lambda _, inputs, __: tokens.append(inputs[0].flatten(0, -2))
    )
    seen, scored, true, origin = [], [], [], []

    def ask(index: int, answers: Answers, region: Region) -> None:
        coords = torch.tensor([[[region.point]]], dtype=torch.float32) * answers.scale
        logits, scores = (of[0, 0].numpy() for of in decode(model, answers.features, coords, torch.ones(1, 1, 1, dtype=torch.long)))
        shape = region.mask.shape
        masks = torch.nn.functional.interpolate(torch.from_numpy(logits)[None], shape, mode="bilinear")[0].numpy() > 0
        seen.extend(seen_of(logits, masks, scores, np.array(region.point) / shape[::-1]))
        scored.extend(scores[1:])
        true.extend(iou(mask, region.mask) for mask in masks[1:])
        origin.extend([index] * 3)

    for index, (picture, regions) in enumerate(pictures):
        answers = Answers(model, size, picture)
        for region in regions:
            ask(index, answers, region)
    hook.remove()
    token = torch.cat(tokens).numpy().repeat(3, 0)
    return np.array(seen), token, np.array(scored), np.array(true), np.array(origin)


def row_of(guessed: np.ndarray, true: np.ndarray) -> dict[str, float]:
    by_click = true.reshape(-1, 3)
    shown = np.take_along_axis(by_click, guessed.reshape(-1, 3).argmax(1)[:, None], 1)
    return dict(correlation=round(float(np.corrcoef(guessed, true)[0, 1]), 3), shown=round(float(shown.mean()), 3))


def trees() -> ExtraTreesRegressor:
    return ExtraTreesRegressor(150, min_samples_leaf=5, max_features=0.5, random_state=0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).parent)
    parser.add_argument("--size", type=int, default=architecture.IMAGE_SIZE)
    arguments = parser.parse_args()
    torch.compiler.set_stance("force_eager")
    model = AutoModel.from_pretrained(arguments.checkpoint, dtype=torch.float32).eval()
    architecture.set_image_size(model, arguments.size)
    looks = []
    for folder in arguments.folders:
        pictures_of = pictures_of_set if (folder / "prompts.json").exists() else pictures_of_people
        looks.append(look(model, arguments.size, pictures_of(folder)))
    directions = PCA(DIRECTIONS, random_state=0).fit(np.concatenate([token for _, token, *_ in looks]))
    facts = [np.concatenate([seen, directions.transform(token)], 1) for seen, token, *_ in looks]
    for index, (folder, (_, _, scores, true, origin)) in enumerate(zip(arguments.folders, looks)):
        rows = dict(published=row_of(scores, true))
        guessed = np.zeros(len(true))
        for known, rest in GroupKFold(FOLDS).split(facts[index], true, origin):
            guessed[rest] = trees().fit(facts[index][known], true[known]).predict(facts[index][rest])
        rows["own"] = row_of(guessed, true)
        others = [k for k in range(len(looks)) if k != index]
        if others:
            known = np.concatenate([facts[k] for k in others]), np.concatenate([looks[k][3] for k in others])
            rows["others"] = row_of(trees().fit(*known).predict(facts[index]), true)
        best = round(float(true.reshape(-1, 3).max(1).mean()), 3)
        print(json.dumps(dict(folder=folder.name, clicks=len(true) // 3, **rows, best=best)), flush=True)


if __name__ == "__main__":
    main()
