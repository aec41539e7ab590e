"""Compares exports of the published configurations, at full size with random weights, to the reference.

    python official.py CACHE_FOLDER [tiny small base-plus large edgetam]

Needs the workspace installed (`npm ci`). Prints a Markdown table: the largest difference relative
to the largest value, for every output, under onnxruntime's CPU provider, and the exporter's peak
memory beside the size of the safetensors file.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import checkpoints
import edgetam
import make_fixtures

ROOT = Path(__file__).parents[2]
OUTPUTS = ["masks", "iou_predictions", "object_score_logits"]
EMBEDDINGS = ["image_embed", "high_res_feats_0", "high_res_feats_1"]


def export(folder: Path, out: Path, dtype: str) -> float:
    """Runs the exporter in a process of its own; returns its peak memory in bytes."""
    program = ROOT / "packages/sam2-export/src/cli.ts"
    command = [ROOT / "node_modules/.bin/tsx", program, folder, "--out", out, "--dtype", dtype]
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        tree = subprocess.run(["ps", "-o", "rss=", "--pid", str(child.pid), "--ppid", str(child.pid)], capture_output=True)
        peak = max(peak, max(map(int, tree.stdout.split()), default=0) * 1024)
        try:
            child.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
    if child.returncode:
        sys.exit(child.returncode)
    return peak


def difference(came: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(came - expected).max() / np.abs(expected).max())


def compare(out: Path, expected: dict[str, np.ndarray], size: int) -> tuple[float, float, float]:
    """Largest difference of the encoder and of the decoder, and the least IoU of a prompt's masks."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    encoder = onnxruntime.InferenceSession(out / "encoder.onnx", options)
    image = make_fixtures.wave((1, 3, size, size), 0.0137, 1.8).numpy()
    worst_encoder = max(map(difference, encoder.run(EMBEDDINGS, {"image": image}), (expected[n] for n in EMBEDDINGS)))
    del encoder
    decoder = onnxruntime.InferenceSession(out / "decoder.onnx", options)
    came, wanted, least_iou = {n: [] for n in OUTPUTS}, {n: [] for n in OUTPUTS}, 1.0
    for prompt in make_fixtures.prompts(size):
        given = {n: expected[f"{prompt}.{n}"] for n in ("point_coords", "point_labels", "has_mask_input")}
        batch = len(given["point_coords"])
        mask = make_fixtures.wave((batch, 1, size // 4, size // 4), 0.021, 9.0).numpy()
        answers = decoder.run(OUTPUTS, given | {"mask_input": mask} | {n: expected[n] for n in EMBEDDINGS})
        for name, answer in zip(OUTPUTS, answers):
            came[name].append(answer.ravel())
            wanted[name].append(expected[f"{prompt}.{name}"].ravel())
        guess, truth = answers[0] > 0, expected[f"{prompt}.masks"] > 0
        least_iou = min(least_iou, float((guess & truth).sum() / (guess | truth).sum()))
    # over all prompts: an object score alone is one number, which may be near zero
    worst_decoder = max(difference(np.concatenate(came[n]), np.concatenate(wanted[n])) for n in OUTPUTS)
    return worst_encoder, worst_decoder, least_iou


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=Path)
    parser.add_argument("names", nargs="*", default=[*checkpoints.PUBLISHED, "edgetam"])
    arguments = parser.parse_args()
    torch.manual_seed(0)
    print("| model | dtype | parameters | encoder | decoder | least mask IoU | peak memory ÷ safetensors |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.names:
        folder = arguments.cache / f"random-{name}"
        if name == "edgetam":
            model = edgetam.model_of("repvit_m1", 1024, edgetam.PUBLISHED)
        else:
            model = checkpoints.random_model(checkpoints.published_config(name))
        model.save_pretrained(folder)
        size = model.config.prompt_encoder_config.image_size
        expected = {k: v.numpy() for k, v in make_fixtures.answers(model, size).items()}
        del model
        weights = (folder / "model.safetensors").stat().st_size
        for dtype in ("fp32", "fp16"):
            out = arguments.cache / f"random-{name}-{dtype}"
            peak = export(folder, out, dtype)
            parameters = json.loads((out / "model.json").read_text())["parameters"] / 1e6
            encoder, decoder, iou = compare(out, expected, size)
            print(
                f"| {name} | {dtype} | {parameters:.1f} M | {encoder:.1e} | {decoder:.1e} | {iou:.4f} | {peak / weights:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
