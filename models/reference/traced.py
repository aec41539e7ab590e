"""Traces a checkpoint with `torch.onnx.export`, in the transformers.js layout.

    python traced.py CHECKPOINT_FOLDER OUT_FOLDER

What is traced is the reference model itself; the files are the peer in benchmarks: one object, one
point, all shapes fixed.
"""

import argparse
from pathlib import Path

import torch
from transformers import Sam2Model

MAPS = [f"image_embeddings.{level}" for level in range(3)]


class VisionEncoder(torch.nn.Module):
    """`pixel_values` → `image_embeddings.0/.1/.2`, from high resolution to low."""

    def __init__(self, model: Sam2Model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        model = self.model
        maps = list(model.get_image_features(pixel_values, return_dict=True).fpn_hidden_states)
        maps[-1] = maps[-1] + model.no_memory_embedding
        return tuple(m.permute(1, 2, 0).reshape(1, -1, *size) for m, size in zip(maps, model.backbone_feature_sizes))


class PromptEncoderMaskDecoder(torch.nn.Module):
    """Points, labels and the three maps → `iou_scores`, `pred_masks`, `object_score_logits`."""

    def __init__(self, model: Sam2Model):
        super().__init__()
        self.model = model

    def forward(self, input_points, input_labels, high, middle, low):
        answer = self.model(
            image_embeddings=[high, middle, low], input_points=input_points, input_labels=input_labels
        )
        return answer.iou_scores, answer.pred_masks, answer.object_score_logits


@torch.no_grad()
def trace(model: Sam2Model, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    size = model.config.prompt_encoder_config.image_size
    encoder, decoder = VisionEncoder(model).eval(), PromptEncoderMaskDecoder(model).eval()
    pixels = torch.zeros(1, 3, size, size)
    options = dict(dynamo=True, opset_version=18, external_data=False)
    names = dict(input_names=["pixel_values"], output_names=MAPS)
    torch.onnx.export(encoder, (pixels,), out / "vision_encoder.onnx", **names, **options)
    point, label = torch.full((1, 1, 1, 2), size / 2), torch.ones(1, 1, 1, dtype=torch.int64)
    names = dict(
        input_names=["input_points", "input_labels", *MAPS],
        output_names=["iou_scores", "pred_masks", "object_score_logits"],
    )
    file = out / "prompt_encoder_mask_decoder.onnx"
    torch.onnx.export(decoder, (point, label, *encoder(pixels)), file, **names, **options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    trace(Sam2Model.from_pretrained(arguments.checkpoint).eval(), arguments.out)
