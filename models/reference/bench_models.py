"""Makes the files of the library that the benchmarks compare with: SAM 2.1 tiny with random weights, as transformers.js loads it.

    python bench_models.py OUT_FOLDER

Writes OUT_FOLDER/tiny/checkpoint (config.json, model.safetensors) and OUT_FOLDER/tiny/transformers.js
(the same weights, traced by `torch.onnx.export`). The weights are random: their values do not change the timings.
"""

import json
import sys
from pathlib import Path

from transformers import Sam2Model

import checkpoints
import traced


def main(out: Path) -> None:
    checkpoint, peer = out / "tiny" / "checkpoint", out / "tiny" / "transformers.js"
    if not (checkpoint / "model.safetensors").exists():
        checkpoints.random_model(checkpoints.published_config("tiny"), seed=1).save_pretrained(checkpoint)
    model = Sam2Model.from_pretrained(checkpoint).eval()
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
