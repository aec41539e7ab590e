"""Fits the last layer of the predicted IoUs anew, so that the scores of one click suit the masks they judge.

    python fit_scores.py CACHE_FOLDER CHECKPOINT --to FOLDER [--scenes 1500]

`mean.py` moves masks and scores apart: its masks are better than those that any run's scores learned from. Here
everything else stays as it is, so with the masks and the inner features of a few thousand clicks at hand, the layer
that turns features into scores is fitted to all of them at once, by the same loss as in training: the squared error,
and the IoU that is lost by the choice (`train.shown_loss`). Token 0, which answers boxes and further clicks, keeps its
score.
"""

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
import torch
from transformers import Sam2Model

import architecture
from scenes import SceneMaker
from train import CHOICE_TEMPERATURE, decode, encode, inner_point, overlap

SEED = 2
CLICKS = 8
"""At most so many masks of a scene are clicked, each once."""
HOLD = 1e-3
"""How strongly the weights are held where they were."""


@torch.no_grad()
def clicks_of(checkpoint: Path, cache: Path, scenes: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For each click: what goes into the last layer [N,C], the true IoU of the three masks [N,3], its weight [N]."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.compiler.set_stance("force_eager")
    model = Sam2Model.from_pretrained(checkpoint, dtype=torch.float32).eval()
    maker = SceneMaker(cache)
    features, overlaps, weights = [], [], []

    def keep(_layer: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        features.append(inputs[0][0].float())

    model.mask_decoder.iou_prediction_head.proj_out.register_forward_pre_hook(keep)
    for index in scenes:
        scene = maker.make((SEED, index), architecture.IMAGE_SIZE)
        rng = np.random.default_rng((SEED, index))
        odds = scene.masks.mean((1, 2)) ** 0.125 * scene.weight
        chosen = rng.choice(len(odds), min(CLICKS, len(odds)), replace=False, p=odds / odds.sum())
        points = np.array([[inner_point(scene.masks[one], rng)] for one in chosen], np.float32)
        with torch.autocast("cpu", torch.bfloat16):
            images = encode(model, torch.from_numpy(scene.picture.copy())[None])
            labels = torch.ones(1, len(chosen), 1, dtype=torch.long)
            masks, _ = decode(model, images, torch.from_numpy(points)[None], labels)
        full = torch.nn.functional.interpolate(masks[0, :, 1:].float(), scene.picture.shape[:2], mode="bilinear")
        overlaps.append(overlap(full[None], torch.from_numpy(scene.masks[chosen]).float()[None])[0])
        weights.append(torch.from_numpy(scene.weight[chosen]))
    return torch.cat(features), torch.cat(overlaps), torch.cat(weights)


def shown(scores: torch.Tensor, truth: torch.Tensor) -> float:
    """The mean IoU of the mask with the best score."""
    return truth.gather(-1, scores.argmax(-1, keepdim=True)).mean().item()


def fit(layer: torch.nn.Linear, features: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor) -> None:
    """Changes the rows of `layer` that score the three masks, by L-BFGS over all clicks at once."""
    weight = layer.weight[1:].detach().clone().requires_grad_()
    bias = layer.bias[1:].detach().clone().requires_grad_()
    regret = truth.max(-1, keepdim=True).values - truth
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        scores = (features @ weight.T + bias).sigmoid()
        chance = (scores / CHOICE_TEMPERATURE).softmax(-1)
        each = (chance * regret).sum(-1) + 2.5 * ((scores - truth) ** 2).mean(-1)
        total = (each * weights).sum() / weights.sum() + HOLD * (weight - layer.weight[1:].detach()).square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    with torch.no_grad():
        layer.weight[1:] = weight
        layer.bias[1:] = bias


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=1500)
    arguments = parser.parse_args()
    shares = np.array_split(range(arguments.scenes), os.cpu_count())
    tasks = [(arguments.checkpoint, arguments.cache, share.tolist()) for share in shares]
    with torch.multiprocessing.get_context("spawn").Pool(len(tasks)) as pool:
        features, truth, weights = (torch.cat(parts) for parts in zip(*pool.starmap(clicks_of, tasks)))
    model = Sam2Model.from_pretrained(arguments.checkpoint, dtype=torch.float32)
    layer = model.mask_decoder.iou_prediction_head.proj_out
    before = shown(layer(features)[:, 1:], truth)
    fit(layer, features, truth, weights)
    after = shown(layer(features)[:, 1:], truth)
    best = truth.max(-1).values.mean().item()
    print(f"{len(truth)} clicks: {before:.4f} shown before, {after:.4f} after, {best:.4f} the best of three")
    model.half().save_pretrained(arguments.to)


if __name__ == "__main__":
    main()
