"""Traces a `Sam2Model` with `torch.onnx.export`, in the layouts of other exporters.

    python traced.py CHECKPOINT_FOLDER OUT_FOLDER [--layout transformers.js|samexporter]

What is traced is the reference itself; the files serve as peers in benchmarks and as fixtures of
the layouts that people already have.
"""

import argparse
from pathlib import Path

import torch
from transformers import Sam2Model


class TransformersJsEncoder(torch.nn.Module):
    """`pixel_values` → `image_embeddings.0/.1/.2`, from high resolution to low."""

    def __init__(self, model: Sam2Model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        model = self.model
        maps = list(model.get_image_features(pixel_values, return_dict=True).fpn_hidden_states)
        maps[-1] = maps[-1] + model.no_memory_embedding
        return tuple(
            m.permute(1, 2, 0).reshape(1, -1, *size) for m, size in zip(maps, model.backbone_feature_sizes)
        )


class TransformersJsDecoder(torch.nn.Module):
    """Points, labels, boxes and the three maps → `iou_scores`, `pred_masks`, `object_score_logits`."""

    def __init__(self, model: Sam2Model):
        super().__init__()
        self.model = model

    def forward(self, input_points, input_labels, input_boxes, high, middle, low):
        model = self.model
        encoder = model.prompt_encoder
        points = encoder._embed_points(input_points, input_labels, pad=False)
        corners = encoder._embed_boxes(input_boxes)
        sparse = torch.cat([points, corners], dim=2) if input_boxes.shape[1] else points
        size = encoder.image_embedding_size
        dense = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(1, -1, *size)
        masks, scores, _, objects = model.mask_decoder(
            image_embeddings=low,
            image_positional_embeddings=model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
            high_resolution_features=[high, middle],
        )
        return scores, masks, objects
