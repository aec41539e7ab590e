"""Makes the files of the library that the benchmarks compare with, as transformers.js loads them.

    python bench_models.py OUT_FOLDER [base-plus] [large]

Writes OUT_FOLDER/tiny/checkpoint (SAM 2.1 tiny with random weights: config.json, model.safetensors), OUT_FOLDER/tiny/transformers.js
(the same weights, traced by `torch.onnx.export`), the same for edgetam, and OUT_FOLDER/mini/transformers.js (the built-in model,
traced; once more where its weights are newer). Of the other models it writes only a checkpoint, for GPUs. Weights are random:
their values do not change the timings.
"""

import json
import sys
from pathlib import Path

from transformers import EdgeTamModel, PretrainedConfig, PreTrainedModel, Sam2Model

import checkpoints
import edgetam
import traced


MINI = Path(__file__).parent.parent / "sam2-mini"


def save(config, checkpoint: Path) -> None:
    """Writes a checkpoint with random weights, unless it is there."""
    if not (checkpoint / "model.safetensors").exists():
        checkpoints.random_model(config, seed=1).save_pretrained(checkpoint)


def save_both(kind: type[PreTrainedModel], config: PretrainedConfig, folder: Path) -> None:
    """Writes a checkpoint with random weights, and its peer as transformers.js loads it, unless both are there."""
    checkpoint, peer = folder / "checkpoint", folder / "transformers.js"
    if (peer / "preprocessor_config.json").exists() and (checkpoint / "model.safetensors").exists():
        return
    save(config, checkpoint)
    model = kind.from_pretrained(checkpoint).eval()
    traced.trace(model, peer / "onnx")
    model.config.save_pretrained(peer)
    processor = dict(
        image_processor_type="Sam2ImageProcessorFast",
        processor_class="Sam2Processor",
        do_resize=True,
        do_rescale=True,
        do_normalize=True,
        rescale_factor=1 / 255,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
        size=dict(height=1024, width=1024),
        resample=2,
    )
    (peer / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")


def main(out: Path, others: list[str]) -> None:
    for name in others:
        save(checkpoints.published_config(name), out / name / "checkpoint")
    mini = out / "mini" / "transformers.js" / "onnx"
    last_made = mini / "prompt_encoder_mask_decoder.onnx"
    if not last_made.exists() or last_made.stat().st_mtime < (MINI / "model.safetensors").stat().st_mtime:
        traced.trace(EdgeTamModel.from_pretrained(MINI).float().eval(), mini)
    save_both(Sam2Model, checkpoints.published_config("tiny"), out / "tiny")
    # the trunk is named: that of a plain EdgeTamConfig changes with the version of transformers
    save_both(EdgeTamModel, edgetam.config_of("repvit_m1", 1024, edgetam.PUBLISHED), out / "edgetam")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
