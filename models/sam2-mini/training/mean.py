"""The mean of several runs' averaged weights, as a checkpoint.

    python mean.py OUT_FOLDER OUT_FOLDER ... --to FOLDER

Two ends of one training, each with the learning rate brought down, lie in one basin: between them is
a place better than either (Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima").
"""

import argparse
from pathlib import Path

import torch
from transformers import Sam2Model

import architecture


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path, nargs="+", help="folders that train.py wrote, with state.pt")
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    states = [torch.load(run / "state.pt")["average"] for run in arguments.runs]
    model = Sam2Model(architecture.config())
    model.load_state_dict({name: torch.stack([s[name].float() for s in states]).mean(0) for name in states[0]})
    model.half().save_pretrained(arguments.to)


if __name__ == "__main__":
    main()
