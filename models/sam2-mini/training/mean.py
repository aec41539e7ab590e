"""The mean of several checkpoints' weights, as a checkpoint for an image size.

    python mean.py FOLDER FOLDER ... --to FOLDER [--size 640]

`train.py` leaves the averaged weights of a run in `OUT/checkpoint`. Two ends of one training,
each with the learning rate brought down, lie in one basin: between them is a place better than either
(Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima"). Of one checkpoint it sets the size that is published.
"""

import argparse
from pathlib import Path

import torch
from transformers import EdgeTamConfig, EdgeTamModel

import architecture


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoints", type=Path, nargs="+", help="one named twice counts twice")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--size", type=int, default=architecture.IMAGE_SIZE)
    arguments = parser.parse_args()
    states = [EdgeTamModel.from_pretrained(folder, dtype=torch.float32).state_dict() for folder in arguments.checkpoints]
    model = EdgeTamModel(EdgeTamConfig.from_pretrained(arguments.checkpoints[0]))
    # BatchNorm counts its batches in integers, which load_state_dict makes of the means again
    model.load_state_dict({name: torch.stack([s[name].float() for s in states]).mean(0) for name in states[0]})
    architecture.set_image_size(model, arguments.size)
    model.half().save_pretrained(arguments.to)


if __name__ == "__main__":
    main()
