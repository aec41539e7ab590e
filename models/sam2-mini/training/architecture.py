"""The configuration of sam2-mini: a narrow Hiera and a decoder of the published width with small MLPs."""

from transformers import Sam2Config, Sam2Model

IMAGE_SIZE = 640
WIDTH = 256


def feature_widths() -> list[int]:
    """Channels of the feature maps that the decoder takes, high resolution first."""
    return [WIDTH // 8, WIDTH // 4, WIDTH]


def config(image_size: int = IMAGE_SIZE) -> Sam2Config:
    widths = [32, 64, 128, 256]
    strides = (4, 8, 16)
    return Sam2Config(
        vision_config=dict(
            backbone_config=dict(
                model_type="sam2_hiera_det_model",
                hidden_size=widths[0],
                image_size=[image_size, image_size],
                blocks_per_stage=[2, 3, 6, 2],
                embed_dim_per_stage=widths,
                num_attention_heads_per_stage=[1, 2, 4, 8],
                window_size_per_stage=[8, 4, 8, 8],
                global_attention_blocks=[7, 9],
                window_positional_embedding_background_size=[8, 8],
            ),
            backbone_channel_list=widths[::-1],
            backbone_feature_sizes=[[image_size // s] * 2 for s in strides],
            fpn_hidden_size=WIDTH,
            fpn_top_down_levels=[0, 1, 2, 3],
        ),
        prompt_encoder_config=dict(hidden_size=WIDTH, image_size=image_size),
        mask_decoder_config=dict(hidden_size=WIDTH, mlp_dim=512, num_attention_heads=8, iou_head_hidden_dim=128),
    )


def set_image_size(model: Sam2Model, size: int) -> None:
    """Lets the same weights work at another image size (a multiple of 32)."""
    encoder = model.prompt_encoder
    encoder.input_image_size = size
    encoder.image_embedding_size = (size // 16, size // 16)
    encoder.mask_input_size = (size // 4, size // 4)
    model.backbone_feature_sizes = [[size // s] * 2 for s in (4, 8, 16)]
