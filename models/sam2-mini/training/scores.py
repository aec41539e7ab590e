"""Teaches the score head alone: which of the masks is right, and how right is it?

    python scores.py ask CACHE PICTURES ANSWERS [--pictures 300] [--first 0] [--step 1]
    python scores.py fit ANSWERS OUT [--pull 0.01] [--order 0]

with `[--checkpoint FOLDER]`. The head is a small network that reads one token of the decoder and says the IoU of each
of the four masks. Nothing else depends on it, so masks stay as they are. `ask` puts prompts to the model once and stores
the token, and how right each mask was: each picture is one draw of the mixture that train.py sees, from seeds that it
does not use. What exists is not asked again, so processes can share the work (`--first 0 --step 2`, `--first 1 --step
2`); another checkpoint's answers are refused. `fit` takes seconds, and prints figures, before and after. Those after are of
heads that did not see the draw; another draw of the same photograph they may have seen, which flatters them a little.
"""

import argparse
import copy
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from transformers import EdgeTamModel

import architecture
from losses import CHOICE_TEMPERATURE, overlap
from mixture import SECOND_LOOKS, Mixture, odds_of
from predict import decode, encode
from prompts import corrective_clicks, first_look, inner_point, jittered_box
from stored import check_origin, digest_of, store

SEED = 3
PROMPTS = 12
"""Prompts of one picture that are decoded together."""
FOLDS = 4
ONE_CLICK, MORE, BOX = 0, 1, 2


def quartered(planes: np.ndarray) -> torch.Tensor:
    """bool [P,S,S] → the share of ones in each four-by-four cell, [1,P,h,w]."""
    return F.avg_pool2d(torch.from_numpy(planes)[None].float(), 4)


@torch.no_grad()
def ask(model: EdgeTamModel, mixture: Mixture, index: int) -> dict[str, np.ndarray]:
    """Tokens [N,256], true IoU [N,4], kind of prompt [N], weight [N], for prompts about the picture of that number.

    Each region is asked for by one click, then by a box, or by that click and one more where the mask shown is wrong.
    Close up the mask of a first look comes along, so that one click is not ambiguous.
    """
    rng = np.random.default_rng((SEED, index))
    second_look = rng.random() < SECOND_LOOKS
    scene = mixture.make((SEED, index, 0), architecture.IMAGE_SIZE, second_look)
    odds = odds_of(scene.masks, scene.weight)
    chosen = rng.choice(len(odds), min(len(odds), PROMPTS), replace=False, p=odds)
    chosen = np.resize(chosen, PROMPTS)
    full = scene.masks[chosen]
    targets, known = quartered(full), quartered(scene.known[chosen])
    looks = None
    if second_look:
        looks = torch.from_numpy(np.stack([first_look(mask, rng) for mask in full])[:, None].clip(-32, 32))
    tokens = []
    hook = model.mask_decoder.iou_prediction_head.register_forward_pre_hook(lambda _, inputs: tokens.append(inputs[0][0]))
    with torch.autocast("cpu", torch.bfloat16):
        features = encode(model, torch.from_numpy(scene.picture)[None])
    features = [map_.float() for map_ in features]
    found, kinds = [], []

    def put(kind: int, coords: torch.Tensor, labels: torch.Tensor, previous: torch.Tensor | None):
        masks, scores = decode(model, features, coords, labels, previous)
        found.append(overlap(masks, targets, known)[0])
        kinds.append(np.full(PROMPTS, kind))
        return masks, scores

    points = np.array([[inner_point(mask, rng)] for mask in full], np.float32)
    coords, labels = torch.from_numpy(points)[None], torch.ones(1, PROMPTS, 1, dtype=torch.long)
    masks, scores = put(ONE_CLICK if looks is None else MORE, coords, labels, looks)
    top = 1 + scores[..., 1:].argmax(-1) if looks is None else torch.zeros_like(labels[..., 0])
    shown = masks[0, torch.arange(PROMPTS), top[0]][None].clamp(-32, 32)
    if looks is None and rng.random() < 0.5:
        boxes = np.array([jittered_box(mask, rng) for mask in full], np.float32).reshape(1, PROMPTS, 2, 2)
        put(BOX, torch.from_numpy(boxes), torch.tensor([2, 3]).expand(1, PROMPTS, -1), None)
    else:
        more = corrective_clicks(shown, targets, known, rng)
        previous = shown[0][:, None] if rng.random() < 0.8 else None
        put(MORE, torch.cat([coords, more[0]], 2), torch.cat([labels, more[1]], 2), previous)
    hook.remove()
    turns = len(kinds)
    return dict(
        tokens=torch.cat(tokens).half().numpy(),
        truth=torch.cat(found).numpy(),
        kind=np.concatenate(kinds),
        weight=np.tile(scene.weight[chosen], turns),
    )


def answers_of(folder: Path, digest: str) -> dict[str, torch.Tensor]:
    """All stored answers, one row a prompt; `picture` tells which belong together. All are of the checkpoint with that digest."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise FileNotFoundError(f"expected answers (scores.py ask) in {folder}, found none")
    parts: dict[str, list[np.ndarray]] = {}
    for file in files:
        check_origin(file, digest)
        with np.load(file) as stored:
            for name in ("tokens", "truth", "kind", "weight"):
                parts.setdefault(name, []).append(stored[name])
            parts.setdefault("picture", []).append(np.full(len(stored["kind"]), int(file.stem)))
    joined = {name: torch.from_numpy(np.concatenate(rows)) for name, rows in parts.items()}
    return joined | dict(tokens=joined["tokens"].float(), truth=joined["truth"].float())


def figures(scores: torch.Tensor, answers: dict[str, torch.Tensor]) -> dict[str, float]:
    """Of one click's three masks: IoU of the one shown and of the best, and how scores and true IoU correlate; of other
    prompts, the correlation for token 0."""
    alone = answers["kind"] == ONE_CLICK
    said, truth = scores[alone][:, 1:], answers["truth"][alone][:, 1:]
    shown = truth.gather(1, said.argmax(1, keepdim=True)).mean().item()

    def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
        return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].item()

    rest = correlation(scores[~alone][:, 0], answers["truth"][~alone][:, 0])
    return dict(shown=shown, best=truth.max(1).values.mean().item(), three=correlation(said, truth), rest=rest)


def loss_of(scores: torch.Tensor, answers: dict[str, torch.Tensor], order: float) -> torch.Tensor:
    """Squared errors, of token 0 where it answers; for one click also what the choice among three costs."""
    truth, weight = answers["truth"], answers["weight"]
    alone = (answers["kind"] == ONE_CLICK).float()
    squared = (scores - truth) ** 2
    chance = (scores[:, 1:] / CHOICE_TEMPERATURE).softmax(-1)
    regret = (chance * (truth[:, 1:].max(1, keepdim=True).values - truth[:, 1:])).sum(-1)
    each = squared[:, 1:].mean(-1) + (1 - alone) * squared[:, 0] + order * alone * regret
    return (each * weight).sum() / weight.sum()


def fitted(head: torch.nn.Module, answers: dict[str, torch.Tensor], pull: float, order: float) -> torch.nn.Module:
    """A head that fits the answers, by L-BFGS over all of them; `pull` is the price of leaving `head`'s weights.

    With prompts about a few hundred pictures the pull is what keeps it from learning these by heart.
    """
    new = copy.deepcopy(head)
    start = [weight.detach().clone() for weight in new.parameters()]
    optimizer = torch.optim.LBFGS(new.parameters(), max_iter=25, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        away = sum(((weight - before) ** 2).sum() for weight, before in zip(new.parameters(), start))
        loss = loss_of(new(answers["tokens"]), answers, order) + pull * away
        loss.backward()
        return loss

    optimizer.step(closure)
    return new.requires_grad_(False)


def unseen(head: torch.nn.Module, answers: dict[str, torch.Tensor], pull: float, order: float) -> torch.Tensor:
    """Scores of each answer by a head that was fitted without the answer's draw. Other draws may hold the same photograph."""
    scores = torch.zeros_like(answers["truth"])
    for fold in range(FOLDS):
        held = answers["picture"] % FOLDS == fold
        seen = {name: rows[~held] for name, rows in answers.items()}
        scores[held] = fitted(head, seen, pull, order)(answers["tokens"][held])
    return scores


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    asking, fitting = commands.add_parser("ask"), commands.add_parser("fit")
    for command in (asking, fitting):
        command.add_argument("--checkpoint", type=Path, default=Path(__file__).parent.parent)
    asking.add_argument("cache", type=Path)
    asking.add_argument("photographs", type=Path)
    asking.add_argument("answers", type=Path)
    asking.add_argument("--pictures", type=int, default=300, help="how many to ask about")
    asking.add_argument("--first", type=int, default=0)
    asking.add_argument("--step", type=int, default=1)
    fitting.add_argument("answers", type=Path)
    fitting.add_argument("out", type=Path)
    fitting.add_argument("--pull", type=float, default=0.01, help="the price of leaving the weights it had")
    fitting.add_argument("--order", type=float, default=0.0, help="weight of what the choice among three costs")
    arguments = parser.parse_args()
    torch.compiler.set_stance("force_eager")
    cv2.setNumThreads(1)
    model = EdgeTamModel.from_pretrained(arguments.checkpoint, dtype=torch.float32).eval()
    digest = digest_of(arguments.checkpoint)
    if arguments.command == "ask":
        arguments.answers.mkdir(parents=True, exist_ok=True)
        mixture = Mixture(arguments.cache, arguments.photographs)
        for index in range(arguments.first, arguments.pictures, arguments.step):
            target = arguments.answers / f"{index:06d}.npz"
            if target.exists():
                check_origin(target, digest)
            else:
                store(target, checkpoint=np.array(digest), **ask(model, mixture, index))
        return
    head, answers = model.mask_decoder.iou_prediction_head, answers_of(arguments.answers, digest)
    with torch.no_grad():
        print("before", figures(head(answers["tokens"]), answers))
    print("after", figures(unseen(head, answers, arguments.pull, arguments.order), answers))
    head.load_state_dict(fitted(head, answers, arguments.pull, arguments.order).state_dict())
    model.half().save_pretrained(arguments.out)


if __name__ == "__main__":
    main()
