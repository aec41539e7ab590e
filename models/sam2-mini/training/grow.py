"""Turns a training state of a smaller network into one of today's, which computes the same function.

    python grow.py OLD/state.pt NEW/state.pt --after 0 2 7

A block is put in behind each of the old encoder blocks named by `--after`: it adds nothing at first,
as its two outputs are zero (Chen et al. 2016, Net2Net: deeper). Where the decoder is twice as wide,
each unit stands twice, and what it gives is split between the two at random, so that they learn
apart (Net2Net: wider). Attention heads are repeated whole. The optimizers start anew.
"""

import argparse
import re
from pathlib import Path

import torch
from transformers import Sam2Model

import architecture
from train import Grouping

BLOCK = "vision_encoder.backbone.blocks."


def deepen(weights: dict[str, torch.Tensor], after: list[int]) -> dict[str, torch.Tensor]:
    """The same weights under the numbers that their blocks have once a block follows each of `after`."""

    def renumbered(found: re.Match) -> str:
        old = int(found[1])
        return f"{BLOCK}{old + sum(behind < old for behind in after)}."

    return {re.sub(rf"^{re.escape(BLOCK)}(\d+)\.", renumbered, name): value for name, value in weights.items()}


def widen(name: str, old: torch.Tensor, shape: torch.Size, rng: torch.Generator) -> torch.Tensor:
    """`old` on `shape`, whose axes are as long or twice as long."""
    transposed = "upscale_conv" in name and old.ndim == 4
    table = re.search(r"(embed|tokens?|embedding)(\.weight)?$", name)
    for axis in range(old.ndim):
        if old.shape[axis] == shape[axis]:
            continue
        takes = old.ndim > 1 and not table and axis == (0 if transposed else 1)
        heads = re.search(r"[qkv]_proj", name) if axis == 0 else "o_proj" in name
        one = other = old
        if takes:
            share = torch.rand(old.shape, generator=rng)
            one, other = old * share, old * (1 - share)
        elif "hypernetworks" in name and "proj_out" in name:  # the two add up in the mask's product
            one = other = old / 2
        old = torch.cat([one, other], axis) if heads else torch.stack([one, other], axis + 1).flatten(axis, axis + 1)
    return old


def grown(old: dict[str, torch.Tensor], new: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`new` with what `old` knows; blocks that `old` lacks add nothing."""
    rng = torch.Generator().manual_seed(0)
    result = {}
    for name, value in new.items():
        if name in old:
            result[name] = widen(name, old[name], value.shape, rng)
        else:
            silent = name.startswith(BLOCK) and re.search(r"(attn\.proj|mlp\.proj_out)\.", name)
            result[name] = torch.zeros_like(value) if silent else value
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--after", type=int, nargs="*", default=[])
    arguments = parser.parse_args()
    torch.manual_seed(0)
    state = torch.load(arguments.old)
    fresh = Sam2Model(architecture.config()).state_dict()
    for name in ("model", "average"):
        state[name] = grown(deepen(state[name], arguments.after), fresh)
    state["grouping"] = grown(state["grouping"], Grouping(architecture.feature_widths()).state_dict())
    del state["optimizers"]
    arguments.new.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, arguments.new)


if __name__ == "__main__":
    main()
