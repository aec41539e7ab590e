"""Trains sam2-mini on made scenes, as SAM 2 trains on images (Ravi et al. 2024, appendix D.2).

Each prompt starts as a click or a box; later clicks go where the prediction is wrong, with the
previous logits as mask input. One click is answered by three masks of which the best is trained, and,
beyond SAM 2, the one that would be shown (`shown_loss`); token 0 answers the rest. Losses: dice,
cross-entropy, focal, and predicted IoU.

    python train.py CACHE_FOLDER OUT_FOLDER --hours 2 [--size 256] [--batch 8]

Stops at the given time with the learning rate brought down; `OUT_FOLDER/state.pt` resumes, and
`--weights FOLDER` starts from a checkpoint (the optimizers and the grouping head start anew). Each of
`--processes` makes and learns from its own share of the batch on one core, and their gradients are
averaged: on two cores half as fast again as one process with two threads. The networks compute in
bfloat16, which takes half the time of float32 where the processor multiplies it (AVX-512 BF16), and
the image encoder, the mask product and its loss are compiled, which needs a C++ compiler.
"""

import argparse
import copy
import math
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.distributed as distributed
import torch.nn.functional as F
from transformers import Sam2Model
from transformers.models.sam2.modeling_sam2 import Sam2Attention

import architecture
from scenes import SceneMaker

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
TRAINING_SEED = 1
CHOICE_TEMPERATURE = 0.05
"""Scores this far apart are told apart when the mask shown first for one click is chosen."""


def inner_point(mask: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """(x, y) in the mask: its innermost point or any of its pixels, evenly often."""
    if rng.random() < 0.5:
        padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        index = int((depth * rng.uniform(0.9, 1, depth.shape)).argmax())
    else:
        index = int(rng.choice(np.flatnonzero(mask)))
    return index % mask.shape[1], index // mask.shape[1]


def jittered_box(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """XYXY of the mask; in half of all calls each side is moved by up to a tenth of the box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    if rng.random() < 0.5:
        return box
    extent = np.tile(box[2:] - box[:2], 2)
    box = box + np.clip(rng.normal(0, 0.04, 4), -0.1, 0.1) * extent
    return np.clip(box, 0, mask.shape[0])


class Batches:
    """Makes the batch of a step: pictures, masks at a quarter of the size, first prompts."""

    def __init__(self, cache: Path, size: int, batch: int, prompts: int):
        self.maker, self.size, self.batch, self.prompts = SceneMaker(cache), size, batch, prompts

    def make(self, step: int) -> dict:
        rng = np.random.default_rng((TRAINING_SEED, step))
        with_box = rng.random() < 0.4
        pictures, targets, weights, coords, owners = [], [], [], [], []
        quarter = self.size // 4
        for item in range(self.batch):
            scene = self.maker.make((TRAINING_SEED, step, item), self.size)
            # objects of every size get their turn: large masks are few, small ones many
            odds = scene.masks.mean((1, 2)) ** 0.125 * scene.weight
            chosen = rng.choice(len(odds), self.prompts, p=odds / odds.sum())
            pictures.append(scene.picture)
            owners.append(np.full((quarter, quarter), -2) if scene.owner is None else scene.owner[2::4, 2::4])
            for index in chosen:
                mask = scene.masks[index]
                targets.append(cv2.resize(mask.astype(np.float32), (quarter, quarter), interpolation=cv2.INTER_AREA))
                weights.append(scene.weight[index])
                point = jittered_box(mask, rng).reshape(2, 2) if with_box else np.array([inner_point(mask, rng)])
                coords.append(point.astype(np.float32))
        shape = (self.batch, self.prompts)
        return dict(
            pictures=torch.from_numpy(np.stack(pictures)),
            owners=np.stack(owners),
            targets=torch.from_numpy(np.stack(targets)).view(*shape, quarter, quarter),
            weights=torch.tensor(np.array(weights)).view(shape),
            coords=torch.from_numpy(np.stack(coords)).view(*shape, -1, 2),
            labels=torch.tensor([2, 3] if with_box else [1]).expand(*shape, -1).clone(),
        )


def encode(model: Sam2Model, pictures: torch.Tensor) -> list[torch.Tensor]:
    """uint8 [B,S,S,3] → the three feature maps, high resolution first."""
    pixels = (pictures.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
    features = model.get_image_features(pixels, return_dict=True).fpn_hidden_states
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


def decode(model: Sam2Model, features, coords, labels, mask_input=None):
    """All four masks [B,P,4,h,w] and their predicted IoU [B,P,4], from one pass of the decoder."""
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


def overlap(masks: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """IoU of thresholded masks [B,P,M,h,w] with targets [B,P,h,w]."""
    guess, truth = masks > 0, (targets > 0.5)[:, :, None]
    union = (guess | truth).sum((-1, -2))
    return (guess & truth).sum((-1, -2)) / union.clamp(min=1)


@torch.compile
def mask_losses(masks: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Dice, and cross-entropy with a focal part balanced by the mask's share, for each mask: [B,P,M].

    SAM 2's own mix (20 focal with alpha 0.25, and dice) stays at empty masks for the first
    thousands of steps at this batch size; balance gets it off the ground.
    """
    targets = targets[:, :, None].expand_as(masks)
    entropy = F.binary_cross_entropy_with_logits(masks, targets, reduction="none")
    chance = masks.sigmoid()
    missed = (chance - targets).abs()
    share = targets.mean((-1, -2), keepdim=True).clamp(0.002, 0.998)
    balance = targets * (0.25 / share) ** 0.5 + (1 - targets) * (0.75 / (1 - share)) ** 0.5
    pixelwise = (balance * (1 + 3 * missed**2) * entropy).mean((-1, -2))
    both = (chance * targets).sum((-1, -2))
    dice = 1 - (2 * both + 1) / (chance.sum((-1, -2)) + targets.sum((-1, -2)) + 1)
    return pixelwise + dice


def corrective_clicks(logits: torch.Tensor, targets: torch.Tensor, rng: np.random.Generator):
    """One click a prompt in the region where `logits` [B,P,h,w] is wrong: coords [B,P,1,2], labels [B,P,1]."""
    guess, truth = (logits > 0).numpy(), (targets > 0.5).numpy()
    batch, prompts, quarter, _ = guess.shape
    coords = torch.zeros(batch, prompts, 1, 2)
    labels = torch.zeros(batch, prompts, 1, dtype=torch.long)
    for b in range(batch):
        for p in range(prompts):
            wrong = guess[b, p] != truth[b, p]
            region = wrong if wrong.any() else (truth[b, p] if truth[b, p].any() else ~truth[b, p])
            x, y = inner_point(region, rng)
            coords[b, p, 0] = torch.tensor([4 * x + 1.5, 4 * y + 1.5])
            labels[b, p, 0] = int(truth[b, p, y, x])
    return coords, labels


class Grouping(torch.nn.Module):
    """A head for training alone: which cells of the picture does the object of an anchor cell cover?

    Few prompts a picture say little to an encoder that starts from nothing. Here every object of a
    scene speaks: an anchor's features, through a small network, are multiplied with every cell's.
    """

    ANCHORS = 64
    WIDTH = 32

    def __init__(self, channels: list[int]):
        super().__init__()
        self.keys = torch.nn.ModuleList(torch.nn.Conv2d(c, self.WIDTH, 1) for c in channels)
        self.query = torch.nn.Sequential(
            torch.nn.Linear(sum(channels), 128), torch.nn.GELU(), torch.nn.Linear(128, self.WIDTH + 1)
        )

    def forward(self, features: list[torch.Tensor], owners: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        """The mean loss over anchors; `owners` [B,h,w] at the first features' size, -2 where nothing is known."""
        known = [index for index, owner in enumerate(owners) if owner.max() > -2]
        if not known:
            return features[0].sum() * 0
        size = features[0].shape[-1]
        keys = 0
        for conv, feature in zip(self.keys, features):
            keys = keys + F.interpolate(conv(feature[known]), (size, size), mode="bilinear")
        places = np.zeros((len(known), self.ANCHORS, 2), np.int64)
        targets = np.zeros((len(known), self.ANCHORS, size, size), np.float32)
        for row, index in enumerate(known):
            names, sizes = np.unique(owners[index], return_counts=True)
            names = names[sizes >= 8]
            for column, name in enumerate(rng.choice(names, self.ANCHORS)):
                covered = owners[index] == name
                places[row, column] = np.unravel_index(rng.choice(np.flatnonzero(covered)), covered.shape)
                targets[row, column] = covered
        rows = torch.arange(len(known))[:, None]
        found = []
        for feature in features:
            y, x = torch.from_numpy(places * feature.shape[-1] // size).unbind(-1)
            found.append(feature[known][rows, :, y, x])
        query = self.query(torch.cat(found, -1))
        logits = query[..., :-1] @ keys.flatten(2) / self.WIDTH**0.5 + query[..., -1:]
        return mask_losses(logits.float().view(targets.shape)[:, :, None], torch.from_numpy(targets)).mean()


def shown_loss(scores: torch.Tensor, truth: torch.Tensor, losses: torch.Tensor) -> torch.Tensor:
    """What is lost with the mask that one click shows, [B,P]; of tokens 1 to 3, as often as scores choose each.

    A third of its mask's loss, so that what is shown first suits whatever is meant, and the IoU by which the best
    of the three is better, so that scores learn their order where it matters.
    """
    chance = (scores[..., 1:] / CHOICE_TEMPERATURE).softmax(-1)
    regret = truth[..., 1:].max(-1, keepdim=True).values - truth[..., 1:]
    return (chance.detach() * losses[..., 1:]).sum(-1) / 3 + (chance * regret).sum(-1)


def loss_of(
    model: Sam2Model, grouping: Grouping, batch: dict, rng: np.random.Generator
) -> tuple[torch.Tensor, float, float, float]:
    """The training loss of a batch over one to five rounds of prompts; first-round IoU top and best; the grouping's loss."""
    rounds = int(rng.choice([1, 2, 3, 4, 5], p=[0.55, 0.2, 0.13, 0.06, 0.06]))
    with torch.autocast("cpu", torch.bfloat16):
        features = encode(model, batch["pictures"])
        grouped = grouping(features, batch["owners"], rng)
    coords, labels, targets, weights = (batch[k] for k in ("coords", "labels", "targets", "weights"))
    previous, total, shown = None, 0.0, (0.0, 0.0)
    for turn in range(rounds):
        with torch.autocast("cpu", torch.bfloat16):
            masks, scores = decode(model, features, coords, labels, previous)
        masks, scores = masks.float(), scores.float()
        losses = mask_losses(masks, targets)
        truth = overlap(masks.detach(), targets)
        best = losses[..., 1:].min(-1).values
        ambiguous = turn == 0 and labels.shape[-1] == 1
        mask_loss = best + (shown_loss(scores, truth, losses) if ambiguous else losses[..., 0])
        # squared, so that a score is the mean of what may be meant; the absolute difference of SAM 2 learns the median
        score_losses = 2.5 * (scores - truth) ** 2
        score_loss = score_losses[..., 1:].mean(-1)
        if not ambiguous:
            score_loss = score_loss + score_losses[..., 0]
        total = total + ((mask_loss + score_loss) * weights).sum() / weights.sum()
        top = scores[..., 1:].argmax(-1, keepdim=True)
        if turn == 0:
            shown = (truth[..., 1:].gather(-1, top).mean().item(), truth[..., 1:].max(-1).values.mean().item())
        if turn + 1 < rounds:
            index = 1 + top[..., None, None].expand(*masks.shape[:2], 1, *masks.shape[3:])
            logits = masks.gather(2, index)[:, :, 0] if ambiguous else masks[:, :, 0]
            logits = logits.detach().clamp(-32, 32)
            more_coords, more_labels = corrective_clicks(logits, targets, rng)
            coords, labels = torch.cat([coords, more_coords], 2), torch.cat([labels, more_labels], 2)
            previous = logits.flatten(0, 1)[:, None] if rng.random() < 0.8 else None
    return total / rounds + 0.5 * grouped, *shown, grouped.item()


@torch.no_grad()
def initialise(model: Sam2Model) -> None:
    """A start from which training takes off at once.

    Points and image share one positional encoding, as in the published checkpoints. Its dot product
    is a Gaussian of the distance, so a cross-attention whose query and key projections start equal
    begins by looking around the prompt; from the library's small random start that takes days to learn.
    """
    shared = model.shared_image_embedding.positional_embedding
    model.prompt_encoder.shared_embedding.positional_embedding.copy_(shared)
    for module in [*model.mask_decoder.modules(), *model.vision_encoder.neck.modules()]:
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            module.reset_parameters()
    for name, module in model.mask_decoder.named_modules():
        if isinstance(module, Sam2Attention) and "self_attn" not in name:
            torch.nn.init.normal_(module.q_proj.weight, std=1.5 / module.q_proj.in_features**0.5)
            module.k_proj.weight.copy_(module.q_proj.weight)
            module.k_proj.bias.zero_()
            module.q_proj.bias.zero_()


def quicken(model: Sam2Model) -> None:
    """Leaves out what training does not need, and computes attention the way that is quick on a CPU in half precision.

    Fused attention is quick where every cell looks at every other; in windows its backward pass takes six times as
    long as that of matrix products one after the other.
    """
    model.set_attn_implementation("eager")
    for block in model.vision_encoder.backbone.blocks:
        if block.window_size == 0:
            block.attn.config = copy.deepcopy(block.attn.config)
            block.attn.config._attn_implementation = "sdpa"
    # positions of the feature maps, which only the memory of videos reads
    model.vision_encoder.neck.position_encoding.forward = lambda *shape_device_and_type: torch.zeros(1, 1, 1, 1)


def optimizers_of(model: Sam2Model, rate: float) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices of the transformers, AdamW for everything else."""
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        hidden = ".blocks." in name or "transformer" in name or "mlps" in name
        (matrices if hidden and parameter.ndim == 2 else others).append(parameter)
    return [
        torch.optim.Muon(matrices, rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=0.05),
    ]


def average_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Every process gets the mean of all processes' gradients; what a step left out counts as zero."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients])):
        gradient.copy_(mean.view_as(gradient))


def train(rank: int, arguments: argparse.Namespace, meeting: str) -> None:
    """One process of `arguments.processes`; the first prints and saves."""
    distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=arguments.processes)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Sam2Model(architecture.config()).train()
    initialise(model)
    quicken(model)
    grouping = Grouping(architecture.feature_widths())
    if arguments.weights:
        model.load_state_dict(Sam2Model.from_pretrained(arguments.weights, dtype=torch.float32).state_dict())
    average = copy.deepcopy(model).eval()
    optimizers = optimizers_of(model, arguments.rate)
    optimizers.append(torch.optim.AdamW(grouping.parameters(), arguments.rate, betas=(0.9, 0.98)))
    step = 0
    state_file = arguments.out / "state.pt"
    if state_file.exists():
        state = torch.load(state_file)
        model.load_state_dict(state["model"])
        grouping.load_state_dict(state["grouping"])
        average.load_state_dict(state["average"])
        for optimizer, kept in zip(optimizers, state.get("optimizers", [])):
            optimizer.load_state_dict(kept)
        step = state["step"]
    architecture.set_image_size(model, arguments.size)
    model.vision_encoder.compile()

    parameters = [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    batches = Batches(arguments.cache, arguments.size, arguments.batch // arguments.processes, arguments.prompts)
    begin, saved, first, shown = time.time(), time.time(), step, []
    share = torch.zeros(1)
    while True:
        share[0] = (time.time() - begin) / (3600 * arguments.hours)
        distributed.broadcast(share, 0)
        if share >= 1:
            break
        fall = 1 if share < 0.3 else 0.5 * (1 + math.cos(math.pi * (share.item() - 0.3) / 0.7))
        rate = arguments.rate * min(1, (step - first + 1) / arguments.warmup) * max(fall, 0.01)
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = rate
        rng = np.random.default_rng((TRAINING_SEED, step, 99))
        loss, *figures = loss_of(model, grouping, batches.make(step * arguments.processes + rank), rng)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        if rank:
            continue
        decay = min(0.9985, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, now in zip(average.state_dict().values(), model.state_dict().values()):
                if kept.dtype.is_floating_point:
                    kept.lerp_(now, 1 - decay)
        shown.append((loss.item(), *figures))
        if step % 50 == 0:
            means = " ".join(f"{v:.3f}" for v in np.mean(shown, 0))
            speed = arguments.batch * (step - first) / (time.time() - begin)
            print(f"step {step} loss/top/best/grouping {means} lr {rate:.1e} {speed:.1f} images/s", flush=True)
            shown = []
        if time.time() - saved > 180:
            save(state_file, model, average, grouping, optimizers, step)
            saved = time.time()
    if rank == 0:
        save(state_file, model, average, grouping, optimizers, step)


def save(file: Path, model, average, grouping, optimizers, step: int) -> None:
    """Writes the state to resume from beside `file`, then renames, and the averaged weights as a checkpoint."""
    aside = file.with_suffix(".tmp")
    states = [optimizer.state_dict() for optimizer in optimizers]
    modules = dict(model=model, average=average, grouping=grouping)
    weights = {name: module.state_dict() for name, module in modules.items()}
    torch.save(dict(**weights, optimizers=states, step=step), aside)
    aside.rename(file)
    copy.deepcopy(average).half().save_pretrained(file.parent / "checkpoint")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, help="the checkpoint to start from where OUT_FOLDER holds no state")
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8, help="pictures a step, all processes together")
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=150)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # Freed tensors stay with the process, in large pages: a tenth to a third less time a step.
    os.environ |= dict(THP_MEM_ALLOC_ENABLE="1", MALLOC_MMAP_THRESHOLD_="4000000000", MALLOC_TRIM_THRESHOLD_="8000000000")
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (arguments, f"{folder}/meeting"), arguments.processes)


if __name__ == "__main__":
    main()
