"""What training brings down: errors of masks, of their edges, of their scores, and of what the encoder sees.

Shapes: B pictures, P prompts a picture, M masks a prompt, h and w a quarter of the picture's size S.
"""

import numpy as np
import torch
import torch.nn.functional as F

CHOICE_TEMPERATURE = 0.05
"""Scores this far apart are told apart when the mask shown first for one click is chosen."""
POINTS = 3072
OVERSAMPLING, IMPORTANT = 3, 0.75
"""PointRend's: of three times as many places the most uncertain make three quarters of the points."""


def overlap(masks: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """IoU [B,P,M] of thresholded masks [B,P,M,h,w] with targets [B,P,h,w], where the target is known."""
    sure = (known > 0.5)[:, :, None]
    guess, truth = (masks > 0) & sure, (targets > 0.5)[:, :, None] & sure
    union = (guess | truth).sum((-1, -2))
    return (guess & truth).sum((-1, -2)) / union.clamp(min=1)


@torch.compile
def mask_losses(masks: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Dice, and cross-entropy with a focal part balanced by the mask's share, for each mask: [B,P,M].

    SAM 2's own mix (20 focal with alpha 0.25, and dice) stays at empty masks for the first
    thousands of steps at a small batch; balance gets it off the ground.
    """
    targets = targets[:, :, None].expand_as(masks)
    known = known[:, :, None]
    entropy = F.binary_cross_entropy_with_logits(masks, targets, reduction="none")
    chance = masks.sigmoid()
    missed = (chance - targets).abs()
    share = targets.mean((-1, -2), keepdim=True).clamp(0.002, 0.998)
    balance = targets * (0.25 / share) ** 0.5 + (1 - targets) * (0.75 / (1 - share)) ** 0.5
    pixelwise = (known * balance * (1 + 3 * missed**2) * entropy).mean((-1, -2))
    both = (known * chance * targets).sum((-1, -2))
    dice = 1 - (2 * both + 1) / ((known * chance).sum((-1, -2)) + (known * targets).sum((-1, -2)) + 1)
    return pixelwise + dice


def edge_losses(masks: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and dice at the places where a mask is least sure, at the picture's size: [B,P,M].

    `masks` [B,P,M,h,w]; `targets` and `known` uint8 [B,P,S,S]. Points are sampled as in PointRend (Kirillov et al. 2020)
    and Mask2Former (Cheng et al. 2022): between the cells too, where the mask is what a bilinear resize makes of it, as
    it is drawn.
    """
    shape = masks.shape[:3]
    size = targets.shape[-1]
    logits = masks.flatten(0, 2)[:, None]
    count = len(logits)
    with torch.no_grad():
        places = torch.rand(count, OVERSAMPLING * POINTS, 2, device=masks.device)
        doubt = -_at(logits, places).abs()
        important = int(IMPORTANT * POINTS)
        chosen = doubt.topk(important, dim=1).indices
        places = places.gather(1, chosen[..., None].expand(-1, -1, 2))
        anywhere = torch.rand(count, POINTS - important, 2, device=masks.device)
        places = torch.cat([places, anywhere], 1)
        # the pixel that a place lies in
        x, y = (places * size).long().clamp(max=size - 1).unbind(-1)
        rows = torch.arange(shape[0] * shape[1], device=masks.device).repeat_interleave(shape[2])[:, None]
        truth = targets.flatten(0, 1)[rows, y, x].float()
        sure = known.flatten(0, 1)[rows, y, x].float()
    found = _at(logits, places)
    entropy = F.binary_cross_entropy_with_logits(found, truth, reduction="none")
    chance = found.sigmoid()
    both = (sure * chance * truth).sum(1)
    dice = 1 - (2 * both + 1) / ((sure * chance).sum(1) + (sure * truth).sum(1) + 1)
    return ((sure * entropy).sum(1) / sure.sum(1).clamp(min=1) + dice).view(shape)


def _at(logits: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Logits [N,1,h,w] between their cells, at places [N,K,2] in [0,1]: [N,K]."""
    return F.grid_sample(logits, 2 * places[:, None] - 1, align_corners=False, padding_mode="border")[:, 0, 0]


def shown_loss(scores: torch.Tensor, truth: torch.Tensor, losses: torch.Tensor) -> torch.Tensor:
    """What is lost with the mask that one click shows, [B,P]; of tokens 1 to 3, as often as scores choose each.

    A third of its mask's loss, so that what is shown first suits whatever is meant, and the IoU by which the best
    of the three is better, so that scores learn their order where it matters.
    """
    chance = (scores[..., 1:] / CHOICE_TEMPERATURE).softmax(-1)
    regret = truth[..., 1:].max(-1, keepdim=True).values - truth[..., 1:]
    return (chance.detach() * losses[..., 1:]).sum(-1) / 3 + (chance * regret).sum(-1)


class Seeing(torch.nn.Module):
    """A head for training alone: from the encoder's last features, those of a larger network's encoder (`teacher.py`).

    Every cell of a picture then teaches the encoder what the larger one has seen. The loss is the squared error, in
    parts of the features' variance, as MobileSAM's encoder was itself trained.
    """

    CHANNELS = 256
    DEVIATION = 0.1
    """Of the larger network's features, about."""

    def __init__(self, channels: int):
        super().__init__()
        self.head = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 2 * channels, 1), torch.nn.GELU(), torch.nn.Conv2d(2 * channels, self.CHANNELS, 1)
        )

    def forward(self, features: torch.Tensor, theirs: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """The mean over pictures that are `told` (bool [B]); `features` [B,C,h,w], `theirs` [B,CHANNELS,h,w]."""
        if not told.any():
            return sum(p.sum() for p in self.parameters()) * 0 + features.sum() * 0
        return F.mse_loss(self.head(features[told]).float(), theirs[told].float() / self.DEVIATION)


class Grouping(torch.nn.Module):
    """A head for training alone: which cells of the picture does the object of an anchor cell cover?

    Few prompts a picture say little to an encoder. Here every object of a scene speaks: an anchor's features, through a
    small network, are multiplied with every cell's.
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
        told = [index for index, owner in enumerate(owners) if owner.max() > -2]
        if not told:
            return sum(p.sum() for p in self.parameters()) * 0 + features[0].sum() * 0
        device, size = features[0].device, features[0].shape[-1]
        keys = 0
        for conv, feature in zip(self.keys, features):
            keys = keys + F.interpolate(conv(feature[told]), (size, size), mode="bilinear")
        places = np.zeros((len(told), self.ANCHORS, 2), np.int64)
        targets = np.zeros((len(told), self.ANCHORS, size, size), np.float32)
        for row, index in enumerate(told):
            names, sizes = np.unique(owners[index], return_counts=True)
            fit = names[(sizes >= 8) & (names > -2)]
            for column, name in enumerate(rng.choice(fit if len(fit) else names, self.ANCHORS)):
                covered = owners[index] == name
                places[row, column] = np.unravel_index(rng.choice(np.flatnonzero(covered)), covered.shape)
                targets[row, column] = covered
        known = torch.from_numpy((owners[told] > -2).astype(np.float32)).to(device)
        rows = torch.arange(len(told), device=device)[:, None]
        found = []
        for feature in features:
            y, x = torch.from_numpy(places * feature.shape[-1] // size).to(device).unbind(-1)
            found.append(feature[told][rows, :, y, x])
        query = self.query(torch.cat(found, -1))
        logits = query[..., :-1] @ keys.flatten(2) / self.WIDTH**0.5 + query[..., -1:]
        logits = logits.float().view(targets.shape)[:, :, None]
        known = known[:, None].expand(-1, self.ANCHORS, -1, -1)
        return mask_losses(logits, torch.from_numpy(targets).to(device), known).mean()
