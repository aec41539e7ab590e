"""Random SAM 2 checkpoints: the four published configurations, and toys small enough to commit."""

import copy

import torch
from transformers import EdgeTamConfig, EdgeTamModel, Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel

# Widths, heads, blocks, global blocks and background sizes of the published models
# (facebookresearch/sam2, configs/sam2.1).
PUBLISHED = {
    "tiny": dict(width=96, heads=1, blocks=[1, 2, 7, 2], windows=[8, 4, 14, 7], globals=[5, 7, 9], background=[7, 7]),
    "small": dict(width=96, heads=1, blocks=[1, 2, 11, 2], windows=[8, 4, 14, 7], globals=[7, 10, 13], background=[7, 7]),
    "base-plus": dict(width=112, heads=2, blocks=[2, 3, 16, 3], windows=[8, 4, 14, 7], globals=[12, 16, 20], background=[14, 14]),
    "large": dict(width=144, heads=2, blocks=[2, 6, 36, 4], windows=[8, 4, 16, 8], globals=[23, 33, 43], background=[7, 7]),
}


def vision_config(size, width, heads, blocks, windows, background, hidden, top_down=(2, 3), **rest):
    widths = [width * 2**stage for stage in range(4)]
    return dict(
        backbone_config=dict(
            model_type="sam2_hiera_det_model",
            hidden_size=width,
            image_size=[size, size],
            blocks_per_stage=blocks,
            embed_dim_per_stage=widths,
            num_attention_heads_per_stage=[heads * 2**stage for stage in range(4)],
            window_size_per_stage=windows,
            global_attention_blocks=rest["globals"],
            window_positional_embedding_background_size=background,
        ),
        backbone_channel_list=widths[::-1],
        backbone_feature_sizes=[[size // stride] * 2 for stride in (4, 8, 16)],
        fpn_hidden_size=hidden,
        fpn_top_down_levels=list(top_down),
    )


def published_config(name: str, size: int = 1024) -> Sam2Config:
    return Sam2Config(
        vision_config=vision_config(size, hidden=256, **PUBLISHED[name]),
        prompt_encoder_config=dict(image_size=size),
        mask_decoder_config={},
    )


def toy_parts(size: int, windows=(8, 4, 6, 3), top_down=(2, 3), hidden: int = 32) -> dict:
    shape = dict(width=8, heads=1, blocks=[1, 2, 3, 1], windows=list(windows), globals=[4, 5], background=[7, 7])
    return dict(
        vision_config=vision_config(size, hidden=hidden, top_down=top_down, **shape),
        prompt_encoder_config=dict(hidden_size=hidden, image_size=size),
        mask_decoder_config=dict(hidden_size=hidden, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32),
    )


def toy_video_config(size: int) -> Sam2VideoConfig:
    """A video model of toy size: the image model's parts and small memory modules."""
    return Sam2VideoConfig(
        **toy_parts(size),
        image_size=size,
        memory_attention_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_num_attention_heads=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[size // 16, size // 16],
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=16,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )


@torch.no_grad()
def randomize(model, seed: int) -> None:
    """Gives the model random weights, large enough that an error in any part shows in the output."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() > 1:
            fan_in = parameter[0].numel() if "embed" not in name else 1
            parameter.copy_(noise * min(1.0, 1.2 * fan_in**-0.5) * (0.5 if "embed" in name else 1))
        elif "norm" in name and name.endswith("weight"):
            parameter.copy_(1 + 0.1 * noise)
        else:
            parameter.copy_(0.1 * noise)
    shared = model.shared_image_embedding.positional_embedding
    shared.copy_(torch.randn(shared.shape, generator=generator))
    model.prompt_encoder.shared_embedding.positional_embedding.copy_(shared)


def random_model(config, seed: int = 0):
    """A Sam2Model, Sam2VideoModel or EdgeTamModel of `config`, in evaluation mode."""
    kinds = {Sam2VideoConfig: Sam2VideoModel, EdgeTamConfig: EdgeTamModel}
    kind = kinds.get(type(config), Sam2Model)
    model = kind(copy.deepcopy(config)).eval()
    randomize(model, seed)
    return model
