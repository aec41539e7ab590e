"""Times the image encoder of a checkpoint in PyTorch, for the benchmark of sam2-node.

    python encode_time.py CHECKPOINT_FOLDER [--threads 2]

Encodes once for each line of the standard input, and prints the milliseconds that it took: so the benchmark measures both
sides in turns.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from transformers import AutoConfig, EdgeTamModel, Sam2Model

MODELS = {"sam2": Sam2Model, "edgetam": EdgeTamModel}


def main(checkpoint: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    config = AutoConfig.from_pretrained(checkpoint)
    model = MODELS[config.model_type].from_pretrained(checkpoint, dtype=torch.float32).eval()
    side = model.config.prompt_encoder_config.image_size
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        for _ in sys.stdin:
            start = time.perf_counter()
            model.get_image_embeddings(pixels)
            print(1000 * (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    main(arguments.checkpoint, arguments.threads)
