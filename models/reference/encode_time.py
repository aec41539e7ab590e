"""Times the image encoder of a checkpoint in PyTorch, for the benchmark of sam2-node.

    python encode_time.py CHECKPOINT_FOLDER [--threads 2] [--repeats 9]

Prints one line of JSON: the median and each run in milliseconds, after one run to warm up.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from transformers import AutoConfig, EdgeTamModel, Sam2Model

MODELS = {"sam2": Sam2Model, "edgetam": EdgeTamModel}


def main(checkpoint: Path, threads: int, repeats: int) -> None:
    torch.set_num_threads(threads)
    config = AutoConfig.from_pretrained(checkpoint)
    model = MODELS[config.model_type].from_pretrained(checkpoint, dtype=torch.float32).eval()
    side = model.config.prompt_encoder_config.image_size
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    times = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            start = time.perf_counter()
            model.get_image_embeddings(pixels)
            times.append(1000 * (time.perf_counter() - start))
    print(json.dumps({"torch": torch.__version__, "threads": threads, "median_ms": statistics.median(times[1:]), "runs_ms": times[1:]}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    main(arguments.checkpoint, arguments.threads, arguments.repeats)
