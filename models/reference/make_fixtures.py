"""Makes the fixtures of the tests from the reference, Hugging Face `transformers`.

    python make_fixtures.py

Each folder of `fixtures` holds a checkpoint with random weights, in the hub's form, and
`expected.safetensors`: the reference's outputs. Its inputs are stored there too, or follow from a
formula (see `wave`).
"""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco
from safetensors.torch import save_file
from transformers import AutoModel, Sam2Config, Sam2Model

import checkpoints
import everything
import traced

MINI = Path(__file__).parents[1] / "sam2-mini"
FOLDER = Path(__file__).parent / "fixtures"


def wave(shape: tuple[int, ...], step: float, height: float) -> torch.Tensor:
    """height · sin(step · i): an input that a test in any language can compute."""
    count = int(np.prod(shape))
    return torch.from_numpy((height * np.sin(step * np.arange(count))).astype(np.float32).reshape(shape))


def prompts(size: int) -> dict[str, dict]:
    """Coordinates in pixels of the model input; labels 2 and 3 are box corners."""
    u = size / 128
    point, box = [[40 * u, 52.5 * u]], [[12 * u, 20 * u], [90 * u, 101 * u]]
    several = [[40 * u, 52.5 * u], [90 * u, 30 * u], [3 * u, 120 * u]]
    return {
        "point": dict(coords=[point], labels=[[1]]),
        "points": dict(coords=[several], labels=[[1, 0, 1]]),
        "box": dict(coords=[box], labels=[[2, 3]]),
        "box_points": dict(coords=[box + several], labels=[[2, 3, 1, 0, 0]]),
        "mask": dict(coords=[[[0.0, 0.0]]], labels=[[-1]], mask=True),
        "all": dict(coords=[box + several], labels=[[2, 3, 1, 0, 1]], mask=True),
        "batch": dict(coords=[several[:2], box, [[64 * u, 64 * u], [0.0, 0.0]]], labels=[[1, 0], [2, 3], [1, -1]]),
    }


@torch.no_grad()
def answers(model, size: int) -> dict[str, torch.Tensor]:
    pixels = wave((1, 3, size, size), 0.0137, 1.8)
    maps = list(model.get_image_features(pixels, return_dict=True).fpn_hidden_states)
    maps[-1] = maps[-1] + model.no_memory_embedding
    high, middle, low = (
        m.permute(1, 2, 0).reshape(1, -1, side, side) for m, side in zip(maps, (size // 4, size // 8, size // 16))
    )
    found = {"image_embed": low, "high_res_feats_0": high, "high_res_feats_1": middle}
    model.mask_decoder.dynamic_multimask_via_stability = False
    for name, prompt in prompts(size).items():
        coords, labels = torch.tensor(prompt["coords"]), torch.tensor(prompt["labels"])
        mask = wave((1, 1, size // 4, size // 4), 0.021, 9.0) if prompt.get("mask") else None
        sparse, dense = model.prompt_encoder(coords[None], labels[None], None, mask)
        per_head = [
            model.mask_decoder(
                image_embeddings=low,
                image_positional_embeddings=model.get_image_wide_positional_embeddings(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=several,
                high_resolution_features=[high, middle],
            )
            for several in (False, True)
        ]
        masks, scores, objects = (torch.cat([h[i] for h in per_head], 2)[0] for i in (0, 1, 3))
        found |= {
            f"{name}.point_coords": coords.float(),
            f"{name}.point_labels": labels.float(),
            f"{name}.has_mask_input": torch.full((len(coords),), float(mask is not None)),
            f"{name}.masks": masks,
            f"{name}.iou_predictions": scores,
            f"{name}.object_score_logits": objects[:, :1],
        }
    return found


def resized(config, size: int):
    """The same model configured for another image size."""
    other = type(config).from_dict(config.to_dict())
    other.prompt_encoder_config.image_size = size
    other.vision_config.backbone_feature_sizes = [[size // stride] * 2 for stride in (4, 8, 16)]
    other.vision_config.backbone_config.image_size = [size, size]
    return other


def make(name: str, config, size: int, dtype: torch.dtype, other_size: int | None = None, **saving) -> None:
    folder = FOLDER / name
    # what is stored is rounded to `dtype`, and the reference answers with the rounded weights
    model = checkpoints.random_model(config, seed=len(name)).to(dtype)
    model.save_pretrained(folder, **saving)
    stored = model.float().state_dict()
    for target, file in ((size, "expected"), (other_size, f"expected-{other_size}")):
        if target is None:
            continue
        answering = checkpoints.random_model(config if target == size else resized(config, target))
        answering.load_state_dict(stored)
        save_file({k: v.contiguous() for k, v in answers(answering, target).items()}, folder / f"{file}.safetensors")


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def stretched(picture: Image.Image, size: int) -> torch.Tensor:
    """uint8 [1,3,size,size], by the function that the torchvision backend of `Sam2Processor` calls."""
    pixels = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)


def settled(logits: torch.Tensor, max_hole_area: float, max_sprinkle_area: float) -> torch.Tensor:
    """Small regions filled or removed as Meta's `SAM2Transforms.postprocess_masks` says, with OpenCV's regions."""
    result = logits.clone()
    for inside, most, sure in ((False, max_hole_area, 10.0), (True, max_sprinkle_area, -10.0)):
        for plane, out in zip(logits.flatten(0, -3), result.flatten(0, -3)):
            chosen = ((plane > 0) == inside).numpy().astype(np.uint8)
            _, labels, stats, _ = cv2.connectedComponentsWithStats(chosen, connectivity=8)
            out[torch.from_numpy((labels > 0) & (stats[labels, cv2.CC_STAT_AREA] <= most))] = sure
    return result


@torch.no_grad()
def photo_answers(model, picture: Image.Image) -> list[dict]:
    """What the reference answers for a picture, from its pixels to masks of full size."""
    size = model.config.prompt_encoder_config.image_size
    width, height = picture.size
    pixels = (stretched(picture, size).float() / 255 - MEAN) / STD
    scale = torch.tensor([size / width, size / height])
    point, other, box = [0.4 * width, 0.35 * height], [0.75 * width, 0.8 * height], [0.1, 0.2, 0.9, 0.75]
    box = [box[0] * width, box[1] * height, box[2] * width, box[3] * height]
    logits = wave((1, 1, size // 4, size // 4), 0.021, 9.0)
    cases = [
        dict(point_coords=[point], point_labels=[1]),
        dict(point_coords=[point, other], point_labels=[1, 0]),
        dict(box=box),
        dict(box=box, point_coords=[point], point_labels=[1]),
        dict(point_coords=[point], point_labels=[1], mask_input=True),
        dict(point_coords=[point], point_labels=[1], multimask_output=False),
        dict(point_coords=[[point], [other]], point_labels=[[1], [1]]),
        dict(point_coords=[point], point_labels=[1], max_hole_area=12, max_sprinkle_area=0.5),
        dict(point_coords=[[point], [other]], point_labels=[[1], [1]], max_hole_area=3, max_sprinkle_area=20),
    ]
    for case in cases:
        arguments = dict(multimask_output=case.get("multimask_output", True))
        if "point_coords" in case:
            coords, labels = torch.tensor(case["point_coords"]), torch.tensor(case["point_labels"])
            arguments["input_points"] = (coords * scale).view(1, -1, *coords.shape[-2:])
            arguments["input_labels"] = labels.view(1, -1, labels.shape[-1])
        if "box" in case:
            arguments["input_boxes"] = (torch.tensor(case["box"]).view(2, 2) * scale).view(1, 1, 4)
        if "mask_input" in case:
            arguments["input_masks"] = logits
        answer = model(pixel_values=pixels, **arguments)
        logits_shown = settled(answer.pred_masks[0], case.get("max_hole_area", 0), case.get("max_sprinkle_area", 0))
        masks = torch.nn.functional.interpolate(logits_shown, (height, width), mode="bilinear")
        order = answer.iou_scores[0].argsort(-1, descending=True)
        case["scores"] = answer.iou_scores[0].gather(-1, order).tolist()
        case["masks"] = []
        for found, best_first in zip(masks > 0, order):
            encoded = [coco.encode(np.asfortranarray(found[i].numpy().astype(np.uint8))) for i in best_first]
            case["masks"].append([dict(size=rle["size"], counts=rle["counts"].decode()) for rle in encoded])
    return cases


def make_photo(checkpoint: str) -> None:
    folder = FOLDER / "photo"
    picture = Image.open(folder / "truck.png")
    size = json.loads((FOLDER / checkpoint / "config.json").read_text())["prompt_encoder_config"]["image_size"]
    pixels = stretched(picture, size)
    answers = photo_answers(Sam2Model.from_pretrained(FOLDER / checkpoint).eval(), picture)
    (folder / "expected.json").write_text(json.dumps(answers) + "\n")
    save_file({"pixels": pixels.contiguous()}, folder / "pixels.safetensors")


def make_everything() -> None:
    """Everything mode of the built-in model on a photograph."""
    picture = Image.open(FOLDER / "photo" / "truck.png").convert("RGB")
    model = AutoModel.from_pretrained(MINI, dtype=torch.float32).eval()
    options = dict(points_per_side=6, pred_iou_thresh=0.3, stability_score_thresh=0.6)
    cases = [
        dict(options=options),
        dict(options=options | dict(use_m2m=True)),
        dict(options=options | dict(multimask_output=False)),
        dict(options=options | dict(min_mask_region_area=100)),
        dict(options=options | dict(points_per_side=4, crop_n_layers=1, crop_n_points_downscale_factor=2)),
    ]

    def prepare(part: Image.Image, size: int) -> torch.Tensor:
        return (stretched(part, size).float() / 255 - MEAN) / STD

    for case in cases:
        case["masks"] = everything.segment_everything(model, prepare, picture, case["options"])
    (FOLDER / "photo" / "expected-everything.json").write_text(json.dumps(cases) + "\n")


def make_mini() -> None:
    """What the built-in model answers in PyTorch; to be made again whenever its weights change."""
    folder = FOLDER / "photo"
    model = AutoModel.from_pretrained(MINI, dtype=torch.float32).eval()
    answers = photo_answers(model, Image.open(folder / "truck.png"))
    (folder / "expected-sam2-mini.json").write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    make("toy", Sam2Config(**checkpoints.toy_parts(128)), 128, torch.float32, other_size=160)
    make(
        "toy-sharded",
        Sam2Config(**checkpoints.toy_parts(96, windows=(8, 4, 4, 2), top_down=(0, 1, 2, 3))),
        96,
        torch.bfloat16,
        max_shard_size="100KB",
    )
    make("toy-video", checkpoints.toy_video_config(64), 64, torch.float16)
    make_photo("toy")
    make_mini()
    make_everything()
    traced.trace(Sam2Model.from_pretrained(FOLDER / "toy").eval(), FOLDER / "transformers.js", free_points=True)
    traced.trace_samexporter(Sam2Model.from_pretrained(FOLDER / "toy").eval(), FOLDER / "samexporter")
