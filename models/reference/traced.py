"""Traces a checkpoint with `torch.onnx.export`, in the layouts of transformers.js and samexporter.

    python traced.py CHECKPOINT_FOLDER OUT_FOLDER

The reference model itself is traced. Benchmarks compare with the files of the first layout, which
take one object with one point: all shapes are fixed.
"""

import argparse
from pathlib import Path

import onnx
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


class PointMaskDecoder(torch.nn.Module):
    """samexporter's decoder: points, labels, a mask and whether there is one → three masks, their scores."""

    def __init__(self, model: Sam2Model):
        super().__init__()
        self.model = model

    def forward(self, image_embed, high, middle, point_coords, point_labels, mask_input, has_mask_input):
        model = self.model
        encoder = model.prompt_encoder
        # the reference embeds label −1 as padding, and adds the padding point itself
        labels = point_labels[None].to(torch.int32)
        sparse, _ = encoder(point_coords[None], labels, None, None)
        given = encoder.mask_embed(mask_input)
        none = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand_as(given)
        has_mask = has_mask_input[:, None, None, None]
        dense = has_mask * given + (1 - has_mask) * none
        masks, scores, _, _ = model.mask_decoder(
            image_embeddings=image_embed.expand(dense.shape[0], -1, -1, -1),
            image_positional_embeddings=model.get_image_wide_positional_embeddings().expand(dense.shape[0], -1, -1, -1),
            sparse_prompt_embeddings=sparse.transpose(0, 1),
            dense_prompt_embeddings=dense,
            multimask_output=True,
            high_resolution_features=[
                high.expand(dense.shape[0], -1, -1, -1),
                middle.expand(dense.shape[0], -1, -1, -1),
            ],
        )
        return masks[:, 0], scores[:, 0]


def strip(file: Path) -> None:
    """Removes torch's own metadata, which is most of a small file."""
    model = onnx.load(file)
    model.graph.ClearField("value_info")
    model.ClearField("metadata_props")
    for item in [model.graph, *model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    onnx.save(model, file)


@torch.no_grad()
def trace(model: Sam2Model, out: Path, free_points: bool = False) -> None:
    """Writes both files; the number of objects and points is one, or free."""
    out.mkdir(parents=True, exist_ok=True)
    size = model.config.prompt_encoder_config.image_size
    encoder, decoder = VisionEncoder(model).eval(), PromptEncoderMaskDecoder(model).eval()
    pixels = torch.zeros(1, 3, size, size)
    options = dict(dynamo=True, opset_version=18, external_data=False)
    files = out / "vision_encoder.onnx", out / "prompt_encoder_mask_decoder.onnx"
    names = dict(input_names=["pixel_values"], output_names=MAPS)
    torch.onnx.export(encoder, (pixels,), files[0], **names, **options)
    objects, points = (2, 3) if free_points else (1, 1)
    point = torch.full((1, objects, points, 2), size / 2)
    label = torch.ones(1, objects, points, dtype=torch.int64)
    if free_points:
        free = {1: torch.export.Dim("objects", max=64), 2: torch.export.Dim("points", max=64)}
        options["dynamic_shapes"] = (free, free, None, None, None)
    names = dict(
        input_names=["input_points", "input_labels", *MAPS],
        output_names=["iou_scores", "pred_masks", "object_score_logits"],
    )
    torch.onnx.export(decoder, (point, label, *encoder(pixels)), files[1], **names, **options)
    for file in files:
        strip(file)


@torch.no_grad()
def trace_samexporter(model: Sam2Model, out: Path) -> None:
    """Writes encoder.onnx and decoder.onnx with samexporter's names; free numbers of objects and points."""
    out.mkdir(parents=True, exist_ok=True)
    size = model.config.prompt_encoder_config.image_size
    encoder, decoder = VisionEncoder(model).eval(), PointMaskDecoder(model).eval()
    pixels = torch.zeros(1, 3, size, size)
    options = dict(dynamo=True, opset_version=18, external_data=False)
    maps = ["high_res_feats_0", "high_res_feats_1", "image_embed"]
    torch.onnx.export(encoder, (pixels,), out / "encoder.onnx", input_names=["image"], output_names=maps, **options)
    high, middle, low = encoder(pixels)
    prompt = torch.full((2, 3, 2), size / 2), torch.ones(2, 3), torch.zeros(2, 1, size // 4, size // 4), torch.zeros(2)
    objects, points = (torch.export.Dim(name, max=64) for name in ("objects", "points"))
    free = {0: objects, 1: points}
    torch.onnx.export(
        decoder,
        (low, high, middle, *prompt),
        out / "decoder.onnx",
        input_names=[*maps[::-1][:1], *maps[:2], "point_coords", "point_labels", "mask_input", "has_mask_input"],
        output_names=["masks", "iou_predictions"],
        dynamic_shapes=(None, None, None, free, free, {0: objects}, {0: objects}),
        **options,
    )
    for file in ("encoder.onnx", "decoder.onnx"):
        strip(out / file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    trace(Sam2Model.from_pretrained(arguments.checkpoint).eval(), arguments.out)
