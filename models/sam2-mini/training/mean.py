"""The mean of several checkpoints' weights, as a checkpoint.

    python mean.py FOLDER FOLDER ... --to FOLDER

`train.py` leaves the averaged weights of a run in `OUT_FOLDER/checkpoint`. Two ends of one training,
each with the learning rate brought down, lie in one basin: between them is a place better than either
(Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima").
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModel


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoints", type=Path, nargs="+", help="one named twice counts twice")
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    states = [AutoModel.from_pretrained(folder, dtype=torch.float32).state_dict() for folder in arguments.checkpoints]
    model = AutoModel.from_pretrained(arguments.checkpoints[0], dtype=torch.float32)
    model.load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    model.half().save_pretrained(arguments.to)


if __name__ == "__main__":
    main()
