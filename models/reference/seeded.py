"""Weights that follow from a tensor's name and shape, so that they need not be stored.

The trunks of EdgeTAM have the widths that timm gives them, which are millions of weights. Element i of
the tensor `name` is, in 32-bit unsigned integers,

    hash   = FNV-1a of the name's UTF-8 bytes
    x      = hash + 0x9E3779B9 · i
    x      = (x ^ x >> 16) · 0x21F0AAAD;  x = (x ^ x >> 15) · 0x735A2D97;  x = x ^ x >> 15
    unit   = x / 2^31 − 1                                    evenly spread over [−1, 1)

then offset + scale · unit in double precision, rounded to float32; `spread` says which offset and scale.
packages/sam2-export/test/seeded.ts is the same in TypeScript.
"""

import math

import numpy as np
import torch


def spread(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Offset and scale: an error in any part shows in the output, and values do not grow from layer to layer."""
    if name.endswith("running_var"):
        return 1.0, 0.5
    if len(shape) == 1:
        return (1.0, 0.4) if name.endswith("weight") else (0.0, 0.3)
    if "embed" in name or name.endswith(("token.weight", "tokens.weight")):
        return 0.0, 1.5 if "positional" in name else 0.8
    # RepViT's blocks add to what comes in, dozens of times
    gain = 0.6 if "token_mixer" in name else 1.2 if "channel_mixer" in name or "ffn" in name else 2.0
    return 0.0, gain / math.sqrt(math.prod(shape[1:]))


def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = np.uint32(seed) + np.uint32(0x9E3779B9) * np.arange(math.prod(shape), dtype=np.uint32)
    x = (x ^ x >> np.uint32(16)) * np.uint32(0x21F0AAAD)
    x = (x ^ x >> np.uint32(15)) * np.uint32(0x735A2D97)
    x = x ^ x >> np.uint32(15)
    offset, scale = spread(name, shape)
    return (offset + scale * (x / 2**31 - 1)).astype(np.float32).reshape(shape)


@torch.no_grad()
def fill(model: torch.nn.Module) -> None:
    """Sets every stored tensor of the model, buffers included, to its seeded values."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(values(name, tuple(tensor.shape))))
