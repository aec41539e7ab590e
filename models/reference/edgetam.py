"""Makes `fixtures/edgetam`: what `EdgeTamModel` answers on each trunk that the exporter takes.

    python edgetam.py

A folder holds config.json and `expected.safetensors`. The weights are those of seeded.py, which the
tests make again. Trunks have timm's widths; what follows them is of toy size.
"""

import copy
import json

from PIL import Image
from safetensors.torch import save_file
from transformers import EdgeTamConfig, EdgeTamModel, TimmWrapperConfig

import make_fixtures
import seeded

FOLDER = make_fixtures.FOLDER / "edgetam"
SIZE = 64
HIDDEN = 32

LITE = {0: [24, 40, 112, 320], 1: [24, 40, 112, 320], 2: [24, 48, 120, 352], 3: [32, 48, 136, 384], 4: [32, 56, 160, 448]}

# indices and channels of the levels at strides 4 to 32
TRUNKS = {
    "repvit_m1": ([0, 1, 2, 3], [48, 96, 192, 384]),
    **{f"{origin}efficientnet_lite{size}": ([1, 2, 3, 4], LITE[size]) for origin in ("", "tf_") for size in LITE},
}

# the decoder is the same after every trunk
WITH_DECODER = ["repvit_m1", "tf_efficientnet_lite0"]


TOY = dict(hidden_size=HIDDEN, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32)
PUBLISHED = dict(hidden_size=256)


def config_of(architecture: str, size: int, decoder: dict) -> EdgeTamConfig:
    indices, channels = TRUNKS[architecture]
    args = dict(in_chans=3, features_only=True, out_indices=indices)
    return EdgeTamConfig(
        vision_config=dict(
            backbone_config=TimmWrapperConfig(architecture=architecture, do_pooling=False, num_labels=2, model_args=args),
            backbone_channel_list=channels[::-1],
            backbone_feature_sizes=[[size // stride] * 2 for stride in (4, 8, 16)],
            fpn_hidden_size=decoder["hidden_size"],
        ),
        prompt_encoder_config=dict(hidden_size=decoder["hidden_size"], image_size=size),
        mask_decoder_config=decoder,
    )


def model_of(architecture: str, size: int, decoder: dict = TOY) -> EdgeTamModel:
    model = EdgeTamModel(copy.deepcopy(config_of(architecture, size, decoder))).eval()
    seeded.fill(model)
    return model


def make(architecture: str, size: int, file: str) -> None:
    model = model_of(architecture, size)
    found = make_fixtures.answers(model, size)
    if architecture not in WITH_DECODER:
        found = {name: tensor for name, tensor in found.items() if "." not in name}
    save_file({name: tensor.contiguous() for name, tensor in found.items()}, FOLDER / architecture / file)
    if size == SIZE:
        model.config.save_pretrained(FOLDER / architecture)


if __name__ == "__main__":
    for architecture in TRUNKS:
        (FOLDER / architecture).mkdir(parents=True, exist_ok=True)
        make(architecture, SIZE, "expected.safetensors")
    for architecture in WITH_DECODER:
        make(architecture, 96, "expected-96.safetensors")
    # the toys differ in their trunk alone: one is enough to see a picture's whole way
    picture = Image.open(make_fixtures.FOLDER / "photo" / "truck.png")
    answers = make_fixtures.photo_answers(model_of("tf_efficientnet_lite0", SIZE), picture)
    # small regions are no affair of the model's
    answers = [case for case in answers if "max_hole_area" not in case]
    (make_fixtures.FOLDER / "photo" / "expected-edgetam.json").write_text(json.dumps(answers) + "\n")
