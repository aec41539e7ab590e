"""The model's two halves as training and measuring call them: many prompts a picture, all masks, logits kept."""

import torch
from transformers import PreTrainedModel

import architecture


def encode(model: PreTrainedModel, pictures: torch.Tensor) -> list[torch.Tensor]:
    """uint8 [B,S,S,3] → the three feature maps, high resolution first."""
    mean = torch.tensor(architecture.MEAN, device=pictures.device).view(1, 3, 1, 1)
    std = torch.tensor(architecture.STD, device=pictures.device).view(1, 3, 1, 1)
    pixels = (pictures.permute(0, 3, 1, 2).float() / 255 - mean) / std
    features = list(model.get_image_features(pixels, return_dict=True).fpn_hidden_states)
    features[-1] = features[-1] + model.no_memory_embedding
    sizes = model.backbone_feature_sizes
    return [f.permute(1, 2, 0).reshape(len(pictures), -1, *s) for f, s in zip(features, sizes)]


@torch.compile
def masks_of(decoder, image, features, hyper):
    """Four masks a prompt [B,P,4,h,w] from the image as its tokens left it, [B*P,C,h/4,w/4], at mask resolution."""
    batch, prompts = hyper.shape[:2]
    upscaled = decoder.upscale_conv1(image) + features[1].repeat_interleave(prompts, 0)
    upscaled = decoder.activation(decoder.upscale_layer_norm(upscaled))
    upscaled = decoder.activation(decoder.upscale_conv2(upscaled) + features[0].repeat_interleave(prompts, 0))
    masks = hyper @ upscaled.reshape(batch, prompts, upscaled.shape[1], -1)
    return masks.view(batch, prompts, -1, *upscaled.shape[2:])


def decode(model: PreTrainedModel, features, coords, labels, mask_input=None):
    """All four masks [B,P,4,h,w] and their predicted IoU [B,P,4], from one pass of the decoder.

    `coords` [B,P,N,2] in pixels of the model's image size, `labels` [B,P,N], `mask_input` [B*P,1,h,w] logits.
    """
    batch, prompts = coords.shape[:2]
    sparse, dense = model.prompt_encoder(coords, labels, None, mask_input)
    if mask_input is not None:
        sizes = [s.shape[-1] for s in features]
        dense = dense.view(batch, prompts, -1, sizes[2], sizes[2])
    decoder = model.mask_decoder
    position = model.get_image_wide_positional_embeddings().repeat(batch, 1, 1, 1)
    tokens = torch.cat([decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([tokens.expand(batch, prompts, -1, -1), sparse], 2)
    image = features[2]
    if mask_input is None:
        image = (image + dense).repeat_interleave(prompts, 0)
    else:
        image = (image[:, None] + dense).flatten(0, 1)
    size = image.shape[-1]
    tokens, image = decoder.transformer(
        point_embeddings=tokens.flatten(0, 1)[:, None],
        image_embeddings=image,
        image_positional_embeddings=position[:1].expand(batch * prompts, -1, -1, -1),
        attention_similarity=None,
    )
    tokens = tokens.view(batch, prompts, -1, tokens.shape[-1])
    image = image.transpose(2, 3).reshape(batch * prompts, -1, size, size)
    hyper = [mlp(tokens[:, :, 2 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)]
    masks = masks_of(decoder, image, features, torch.stack(hyper, 2))
    return masks, decoder.iou_prediction_head(tokens[:, :, 1])
