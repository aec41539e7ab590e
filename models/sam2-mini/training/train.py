"""Trains sam2-mini on painted scenes and real pictures, as SAM 2 trains on images (Ravi et al. 2024, appendix D.2).

Each prompt starts as a click or a box, or, close up, with the mask of a first look beside it; later clicks go where the
prediction is wrong, with the previous logits as mask input. One click is answered by three masks of which the best is
trained, and, beyond SAM 2, the one that would be shown (`shown_loss`); token 0 answers the rest. Losses: dice,
cross-entropy, focal; the same at uncertain points of the full size (`edge_losses`); predicted IoU; and two heads for training
alone, `Grouping` and `Seeing`.

    python train.py CACHE PICTURES OUT --hours 2 [--size 512] [--batch 6] [--compile]

`CACHE` is filled by sources.py, hierarchy.py, teacher.py and answers.py; `PICTURES` holds the folders that
photographs.py reads. Stops at the given time with the learning rate brought down. `OUT/state.pt` resumes: `--hours` counts
from the first start, and pictures go on with those that come next, whatever `--processes` and `--batch` are now.
`--weights FOLDER` starts from a checkpoint (the optimizers and the heads for training alone start anew). Without either
the trunk starts from ImageNet's weights, and with `--decoder FOLDER` what comes behind the encoder from that
checkpoint's.

On a GPU one process trains and `--workers` processes make its pictures; `--batch 0` takes as many pictures as fit its
memory. On a CPU each of `--processes` makes and learns from its own share of the batch on one core, and their gradients
are averaged: on two cores half as fast again as one process with two threads. The networks compute in bfloat16, which
takes half the time of float32 where the processor multiplies it (AVX-512 BF16). `--compile` needs a C++ compiler.
"""

import argparse
import copy
import math
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.distributed as distributed
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModel, EdgeTamModel
from transformers.models.edgetam.modeling_edgetam import EdgeTamAttention

import architecture
from losses import Grouping, Seeing, edge_losses, mask_losses, overlap, shown_loss
from mixture import SECOND_LOOKS, Mixture, odds_of
from predict import decode, encode
from prompts import corrective_clicks, first_look, inner_point, jittered_box
from stored import whole

TRAINING_SEED = 2
BOXES = 0.4
ROUNDS = {1: 0.5, 2: 0.22, 3: 0.14, 4: 0.07, 5: 0.07}
SCORE_WEIGHT = 4.0
LAST_STEP = 10_000_000


class Batches(Dataset):
    """The batch of a step: pictures, first prompts, and the masks that they mean, at full size."""

    def __init__(self, cache: Path, pictures: Path, size: int, batch: int, prompts: int):
        self.mixture, self.size, self.batch, self.prompts = Mixture(cache, pictures), size, batch, prompts

    def __len__(self) -> int:
        return LAST_STEP

    def __getitem__(self, step: int) -> dict:
        rng = np.random.default_rng((TRAINING_SEED, step))
        second_look = rng.random() < SECOND_LOOKS
        with_box = rng.random() < BOXES
        pictures, masks, known, weights, coords, owners, looks, theirs = [], [], [], [], [], [], [], []
        for item in range(self.batch):
            scene = self.mixture.make((TRAINING_SEED, step, item), self.size, second_look)
            odds = odds_of(scene.masks, scene.weight)
            chosen = rng.choice(len(odds), self.prompts, p=odds)
            pictures.append(scene.picture)
            owners.append(scene.owner[2::4, 2::4])
            theirs.append(scene.features)
            masks.append(scene.masks[chosen])
            known.append(scene.known[chosen])
            weights.append(scene.weight[chosen])
            for mask in masks[-1]:
                point = jittered_box(mask, rng).reshape(2, 2) if with_box else np.array([inner_point(mask, rng)])
                coords.append(point.astype(np.float32))
                if second_look:
                    looks.append(first_look(mask, rng))
        shape = (self.batch, self.prompts)
        untold = np.zeros((Seeing.CHANNELS, self.size // 16, self.size // 16), np.float16)
        made = dict(
            pictures=np.stack(pictures),
            owners=np.stack(owners),
            theirs=np.stack([untold if features is None else features for features in theirs]),
            told=np.array([features is not None for features in theirs]),
            masks=np.stack(masks).view(np.uint8),
            known=np.stack(known).view(np.uint8),
            weights=np.stack(weights),
            coords=np.stack(coords).reshape(*shape, -1, 2),
            labels=np.broadcast_to(np.array([2, 3] if with_box else [1]), (*shape, 1 + with_box)).copy(),
        )
        if second_look:
            made["looks"] = np.stack(looks)[:, None].clip(-32, 32)
        return {name: torch.from_numpy(array) for name, array in made.items()}


def quartered(planes: torch.Tensor) -> torch.Tensor:
    """uint8 [B,P,S,S] → the share of ones in each four-by-four cell."""
    return torch.nn.functional.avg_pool2d(planes.float(), 4)


def loss_of(
    model: EdgeTamModel, heads: torch.nn.ModuleDict, batch: dict, rng: np.random.Generator, rounds: int
) -> tuple[torch.Tensor, float, float, float, float, float]:
    """The training loss of a batch over `rounds` of prompts; first-round IoU top and best; the losses at edges and of the heads."""
    device = batch["pictures"].device
    low_precision = torch.autocast(device.type, torch.bfloat16)
    with low_precision:
        features = encode(model, batch["pictures"])
        grouped = heads["grouping"](features, batch["owners"].cpu().numpy(), rng)
        seen = heads["seeing"](features[-1], batch["theirs"], batch["told"])
    coords, labels, weights = batch["coords"], batch["labels"], batch["weights"]
    full, full_known = batch["masks"], batch["known"]
    targets, known = quartered(full), quartered(full_known)
    previous = batch.get("looks")
    alone = labels.shape[-1] == 1 and previous is None
    total, shown, at_edges = 0.0, (0.0, 0.0), 0.0
    for turn in range(rounds):
        with low_precision:
            masks, scores = decode(model, features, coords, labels, previous)
        masks, scores = masks.float(), scores.float()
        losses = mask_losses(masks, targets, known)
        truth = overlap(masks.detach(), targets, known)
        ambiguous = turn == 0 and alone
        best = losses[..., 1:].argmin(-1, keepdim=True)
        learning = 1 + best if ambiguous else torch.cat([1 + best, torch.zeros_like(best)], -1)
        chosen = masks.gather(2, learning[..., None, None].expand(*learning.shape, *masks.shape[3:]))
        edges = edge_losses(chosen, full, full_known)
        mask_loss = losses.gather(-1, learning).sum(-1) + edges.sum(-1)
        if ambiguous:
            mask_loss = mask_loss + shown_loss(scores, truth, losses)
        # squared, so that a score is the mean of what may be meant; the absolute difference of SAM 2 learns the median
        score_losses = SCORE_WEIGHT * (scores - truth) ** 2
        score_loss = score_losses[..., 1:].mean(-1)
        if not ambiguous:
            score_loss = score_loss + score_losses[..., 0]
        total = total + ((mask_loss + score_loss) * weights).sum() / weights.sum()
        at_edges += edges.detach().mean().item() / rounds
        top = scores[..., 1:].argmax(-1, keepdim=True)
        if turn == 0:
            shown = (truth[..., 1:].gather(-1, top).mean().item(), truth[..., 1:].max(-1).values.mean().item())
        if turn + 1 < rounds:
            index = 1 + top[..., None, None].expand(*masks.shape[:2], 1, *masks.shape[3:])
            logits = masks.gather(2, index)[:, :, 0] if ambiguous else masks[:, :, 0]
            logits = logits.detach().clamp(-32, 32)
            more_coords, more_labels = corrective_clicks(logits, targets, known, rng)
            coords, labels = torch.cat([coords, more_coords], 2), torch.cat([labels, more_labels], 2)
            previous = logits.flatten(0, 1)[:, None] if rng.random() < 0.8 else None
    return total / rounds + 0.5 * grouped + seen, *shown, at_edges, grouped.item(), seen.item()


@torch.no_grad()
def initialize(model: EdgeTamModel) -> None:
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
        if isinstance(module, EdgeTamAttention) and "self_attn" not in name:
            torch.nn.init.normal_(module.q_proj.weight, std=1.5 / module.q_proj.in_features**0.5)
            module.k_proj.weight.copy_(module.q_proj.weight)
            module.k_proj.bias.zero_()
            module.q_proj.bias.zero_()


def begun(trunk: str, weights: Path | None, decoder: Path | None) -> EdgeTamModel:
    """The network to train: from a checkpoint, or with a trunk that knows ImageNet and a fresh rest.

    What comes behind the encoder can be that of another checkpoint, SAM 2's or EdgeTAM's, with a trunk of any kind.
    """
    model = EdgeTamModel(architecture.config(trunk=trunk))
    if weights:
        model.load_state_dict(EdgeTamModel.from_pretrained(weights, dtype=torch.float32).state_dict())
    else:
        initialize(model)
        architecture.load_imagenet(model, trunk)
    if decoder:
        theirs = AutoModel.from_pretrained(decoder, dtype=torch.float32).state_dict()
        behind = {name: value for name, value in theirs.items() if not name.startswith("vision_encoder.")}
        model.load_state_dict(model.state_dict() | behind)
    # positions of the feature maps, which only the memory of videos reads
    model.vision_encoder.neck.position_encoding.forward = lambda *shape_device_and_type: torch.zeros(1, 1, 1, 1)
    return learning(model)


def learning(model: EdgeTamModel) -> EdgeTamModel:
    """In training mode, but batches are small: BatchNorm keeps the statistics that it came with."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    return model


def quicken(model: EdgeTamModel) -> None:
    """Computes what a CPU is slow at in half precision another way.

    The gradients of depthwise convolutions, most of all with 5×5 kernels or strides, take three to ten times as long in
    bfloat16 as in float32 with channels last; attention over few tokens is quicker as plain matrix products.
    """
    model.set_attn_implementation("eager")
    model.vision_encoder.to(memory_format=torch.channels_last)
    for module in model.vision_encoder.modules():
        if isinstance(module, torch.nn.Conv2d) and module.groups > 1:
            module.forward = partial(_in_float32, module.forward)


def _in_float32(forward: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", enabled=False):
        found = forward(x.float().contiguous(memory_format=torch.channels_last))
    return found.to(x.dtype)


def optimizers_of(model: EdgeTamModel, heads: torch.nn.ModuleDict) -> list[tuple[torch.optim.Optimizer, float]]:
    """Optimizers, each with its share of the learning rate.

    Muon (Jordan et al. 2024) for the matrices of the transformer, AdamW for everything else, slower for the trunk.
    """
    trunk, matrices, others = [], [], []
    for name, parameter in model.named_parameters():
        if "timm_model" in name:
            trunk.append(parameter)
        elif ("transformer" in name or "mlps" in name) and parameter.ndim == 2:
            matrices.append(parameter)
        else:
            others.append(parameter)
    adam = dict(lr=0, betas=(0.9, 0.98))
    return [
        (torch.optim.Muon(matrices, lr=0, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"), 0.5),
        (torch.optim.AdamW(others, weight_decay=0.05, **adam), 1.0),
        (torch.optim.AdamW(trunk, weight_decay=0.02, **adam), 0.4),
        (torch.optim.AdamW(heads.parameters(), **adam), 1.0),
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


def batch_that_fits(model: EdgeTamModel, heads: torch.nn.ModuleDict, trial: dict, room: float = 0.85) -> int:
    """How many pictures a step fit the GPU's memory, from the peak that a `trial` batch takes in its longest step."""
    torch.cuda.reset_peak_memory_stats()
    resting = torch.cuda.memory_allocated()
    loss_of(model, heads, trial, np.random.default_rng(0), max(ROUNDS))[0].backward()
    each = (torch.cuda.max_memory_allocated() - resting) / len(trial["pictures"])
    total = torch.cuda.get_device_properties(0).total_memory
    # the optimizers keep two numbers a weight, and the average one
    kept = resting + 4 * 4 * sum(p.numel() for p in model.parameters())
    return max(1, int((room * total - kept) / each))


def learning_rate(arguments: argparse.Namespace, steps: int, share: float) -> float:
    """Warmed up over the first steps, flat, then brought down by a cosine to a hundredth at the end of the time."""
    falling = (share - arguments.flat) / (1 - arguments.flat) if share > arguments.flat else 0.0
    return arguments.rate * min(1, (steps + 1) / arguments.warmup) * max(0.01, 0.5 * (1 + math.cos(math.pi * falling)))


def train(rank: int, arguments: argparse.Namespace, meeting: str) -> None:
    """One process of `arguments.processes`; the first prints and saves."""
    device = torch.device(arguments.device)
    distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=arguments.processes)
    cv2.setNumThreads(1)
    if device.type == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(rank)
    if not arguments.compile:
        torch.compiler.set_stance("force_eager")
    model = begun(arguments.trunk, arguments.weights, arguments.decoder).to(device)
    architecture.set_image_size(model, arguments.size)
    widths = architecture.feature_widths()
    heads = torch.nn.ModuleDict(dict(grouping=Grouping(widths), seeing=Seeing(widths[-1]))).to(device)
    average = copy.deepcopy(model).eval()
    optimizers = optimizers_of(model, heads)
    step, place, spent = 0, 0, 0.0
    state_file = arguments.out / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, map_location=device)
        model.load_state_dict(state["model"])
        if "spent" not in state:
            raise ValueError(f"{state_file} is of an earlier train.py: go on from its checkpoint with --weights, in another OUT")
        heads.load_state_dict(state["heads"])
        average.load_state_dict(state["average"])
        for (optimizer, _), kept in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(kept)
        step, place, spent = (state[name] for name in ("step", "place", "spent"))
    if device.type == "cpu":
        quicken(model)
    else:
        model.vision_encoder.compile()

    batch = arguments.batch
    if batch == 0:
        trial = Batches(arguments.cache, arguments.pictures, arguments.size, 2, arguments.prompts)[0]
        batch = batch_that_fits(model, heads, {name: value.to(device) for name, value in trial.items()})
    made = Batches(arguments.cache, arguments.pictures, arguments.size, batch // arguments.processes, arguments.prompts)
    # the batches of the steps to come, each process its own, never one twice
    places = range(place + rank, LAST_STEP, arguments.processes)
    loader = DataLoader(
        made, batch_size=None, sampler=places, num_workers=arguments.workers, pin_memory=device.type == "cuda"
    )
    parameters = [p for optimizer, _ in optimizers for group in optimizer.param_groups for p in group["params"]]
    begin, saved, first, shown = time.time(), time.time(), step, []
    share = torch.zeros(1)
    for batch_of_step in loader:
        share[0] = (spent + time.time() - begin) / (3600 * arguments.hours)
        distributed.broadcast(share, 0)
        if share >= 1:
            break
        rate = learning_rate(arguments, step, share.item())
        for optimizer, part in optimizers:
            optimizer.param_groups[0]["lr"] = rate * part
        rng = np.random.default_rng((TRAINING_SEED, step, 99))
        rounds = int(rng.choice(list(ROUNDS), p=list(ROUNDS.values())))
        on_device = {name: value.to(device, non_blocking=True) for name, value in batch_of_step.items()}
        loss, *figures = loss_of(model, heads, on_device, rng, rounds)
        for optimizer, _ in optimizers:
            optimizer.zero_grad()
        loss.backward()
        if arguments.processes > 1:
            average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
        step, place = step + 1, place + arguments.processes
        if rank:
            continue
        decay = min(arguments.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, now in zip(average.state_dict().values(), model.state_dict().values()):
                if kept.dtype.is_floating_point:
                    kept.lerp_(now, 1 - decay)
        shown.append((loss.item(), *figures))
        if step % 25 == 0:
            means = " ".join(f"{v:.3f}" for v in np.mean(shown, 0))
            speed = batch * (step - first) / (time.time() - begin)
            print(f"step {step} loss/top/best/edges/grouping/seeing {means} rate {rate:.1e} {speed:.2f} pictures/s", flush=True)
            shown = []
        if time.time() - saved > arguments.save_every:
            save(state_file, model, average, heads, optimizers, step=step, place=place, spent=spent + time.time() - begin)
            saved = time.time()
    if rank == 0:
        save(state_file, model, average, heads, optimizers, step=step, place=place, spent=spent + time.time() - begin)


def save(file: Path, model, average, heads, optimizers, **progress: float) -> None:
    """Writes the state to resume from, and the averaged weights as a checkpoint.

    `progress`: how many steps were made, the `place` of the next pictures, and how many seconds were `spent`.
    """
    states = [optimizer.state_dict() for optimizer, _ in optimizers]
    modules = dict(model=model, average=average, heads=heads)
    weights = {name: module.state_dict() for name, module in modules.items()}
    with whole(file) as aside:
        torch.save(dict(**weights, optimizers=states, **progress), aside)
    copy.deepcopy(average).half().save_pretrained(file.parent / "checkpoint")


def most_processes(batch: int, cores: int) -> int:
    """As many as there are cores, or fewer, so that each gets as many of the batch's pictures as the others."""
    return max(count for count in range(1, cores + 1) if batch % count == 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, help="the checkpoint to start from where OUT holds no state")
    parser.add_argument("--decoder", type=Path, help="the checkpoint whose prompt encoder and mask decoder to start from")
    parser.add_argument("--trunk", choices=list(architecture.TRUNK_CHANNELS), default="lite0")
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=6, help="pictures a step, all processes together; 0: what fits a GPU")
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--flat", type=float, default=0.4, help="the share of the time before the rate is brought down")
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--decay", type=float, default=0.998, help="of the weights' average, a step")
    parser.add_argument("--save-every", type=float, default=300, help="seconds")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--processes", type=int, help="default: one on a GPU; on a CPU one a core, as far as they share the batch evenly")
    parser.add_argument("--workers", type=int, help="processes that make pictures; default: none on a CPU, one a core on a GPU")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    on_gpu = arguments.device != "cpu"
    if arguments.processes is None:
        arguments.processes = 1 if on_gpu else most_processes(arguments.batch, os.cpu_count())
    if arguments.workers is None:
        arguments.workers = os.cpu_count() if on_gpu else 0
    if arguments.batch == 0 and not on_gpu:
        parser.error("--batch 0 needs a GPU")
    if arguments.batch % arguments.processes:
        parser.error(f"--batch: expected a multiple of the {arguments.processes} processes, got {arguments.batch}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    # Freed tensors stay with the process, in large pages: a tenth to a third less time a step.
    os.environ |= dict(THP_MEM_ALLOC_ENABLE="1", MALLOC_MMAP_THRESHOLD_="4000000000", MALLOC_TRIM_THRESHOLD_="8000000000")
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (arguments, f"{folder}/meeting"), arguments.processes)


if __name__ == "__main__":
    main()
