"""Scenes with exact instance masks, made from a seed: objects with parts, in groups, overlapping.

A scene is painted back to front. Each pixel remembers which object, and which part of it, is on
top, so every mask is what can be seen. Coordinates are pixels, x right, y down.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import sources

MIN_SHARE, MAX_SHARE = 0.005, 0.65
MIN_SEEN = 0.35
SMALLEST = 60
"""Extent of the smallest objects in pixels of a picture of up to `FULL` pixels a side; larger pictures show the same, larger."""
FULL = 512
WEIGHT = dict(object=1, part=0.6, group=0.4, ground=0.4, region=0.7)


@dataclass
class Scene:
    """`picture` uint8 [S,S,3] RGB; `masks` bool [M,S,S]; `weight` [M], how often it is asked for and how much it counts;
    `level` [M], what each is: object, part (of an object), group (of objects), ground or region (of a photograph);
    `owner` int16 [S,S], the object each pixel belongs to (-1 the ground), None for a photograph."""

    picture: np.ndarray
    masks: np.ndarray
    weight: np.ndarray
    level: np.ndarray
    owner: np.ndarray | None = None


def noise(rng: np.random.Generator, height: int, width: int, cells: float) -> np.ndarray:
    """Smooth noise in about [-1, 1], with `cells` bumps across."""
    rows, columns = max(2, int(cells)), max(2, int(cells))
    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def colour(rng: np.random.Generator) -> np.ndarray:
    """A random colour; greys and muted tones are common, as in photographs."""
    hue, saturation, value = rng.uniform(0, 360), rng.beta(1.1, 2.0), rng.beta(1.6, 1.4)
    hsv = np.array([[[hue, saturation, value]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] * 255


class SceneMaker:
    """Makes the scene of a seed at a size; the same seed always gives the same scene."""

    def __init__(self, cache: Path, pseudo_share: float = 0.25):
        self.material = sources.load(cache)
        self.hierarchies = sorted((cache / "hierarchy").glob("*.npz"))
        self.pseudo_share = pseudo_share

    def make(self, seed: tuple[int, ...], size: int) -> Scene:
        rng = np.random.default_rng(seed)
        if self.hierarchies and rng.random() < self.pseudo_share:
            return self._photograph(rng, size)
        return self._painting(rng, size)

    # -- photographs with pseudo-masks ------------------------------------------------------------

    def _photograph(self, rng: np.random.Generator, size: int) -> Scene:
        with np.load(self.hierarchies[rng.integers(len(self.hierarchies))]) as stored:
            picture, labels = stored["picture"], stored["labels"]
            member, weight = stored["member"], stored["weight"]
        side = int(picture.shape[0] * rng.uniform(0.5, 1.0))
        top, left = rng.integers(picture.shape[0] - side + 1, size=2)
        window = np.s_[top : top + side, left : left + side]
        picture = cv2.resize(picture[window], (size, size), interpolation=cv2.INTER_AREA)
        labels = cv2.resize(labels[window], (size, size), interpolation=cv2.INTER_NEAREST)
        if rng.random() < 0.5:
            picture, labels = picture[:, ::-1], labels[:, ::-1]
        picture = self._camera(rng, picture.astype(np.float32), light=True)
        chosen = rng.choice(len(weight), min(12, len(weight)), replace=False, p=weight / weight.sum())
        masks = member[chosen][:, labels]
        share = masks.mean((1, 2))
        keep = (share > 0.01) & (share < MAX_SHARE)
        if not keep.any():
            return self._painting(rng, size)
        kept = int(keep.sum())
        return Scene(picture, masks[keep], np.full(kept, WEIGHT["region"], np.float32), np.full(kept, "region"))

    # -- painted scenes ---------------------------------------------------------------------------

    def _painting(self, rng: np.random.Generator, size: int) -> Scene:
        self.size = size
        smallest = SMALLEST * max(1, size / FULL)
        canvas = self._texture(rng, size, size, photo=0.7)
        owner = np.full((size, size), -1, np.int16)
        part = np.zeros((size, size), np.int16)
        self.painted: list[int] = []
        groups: list[list[int]] = []
        count = 0

        if rng.random() < 0.3:  # stuff: sky, wall, meadow
            for _ in range(rng.integers(1, 3)):
                field = noise(rng, size, size, rng.uniform(2, 5)) * 0.3 + self._ramp(rng, size, size)
                alpha = np.clip((field - rng.uniform(-0.4, 0.4)) * size / 4, 0, 1)
                self._paint(canvas, owner, part, self._texture(rng, size, size), alpha, 0, 0, count)
                count += 1
        total = int(rng.integers(1, 3 + 6 * min(size, FULL) // FULL))
        while total > 0:
            grouped = rng.random() < 0.2
            members = int(rng.integers(2, 6)) if grouped else 1
            scale = float(np.exp(rng.uniform(np.log(smallest), np.log(1.1 * size))))
            centre = self._room(rng, owner, scale)
            base = self._sprite(rng) if grouped and rng.random() < 0.6 else None
            group = []
            for _ in range(members):
                sprite, parts = base or self._sprite(rng)
                extent = max(smallest, scale * rng.uniform(0.5, 0.7)) if grouped else scale
                where = centre + (rng.normal(0, 0.6, 2) * extent if grouped else 0)
                self._place(rng, canvas, owner, part, sprite, parts, where, extent, count)
                group.append(count)
                count += 1
            if grouped:
                groups.append(group)
            total -= members
        picture = self._camera(rng, canvas, light=True)

        found = [("ground", owner == -1)]
        for index in range(count):
            seen = owner == index
            if seen.sum() < MIN_SEEN * self.painted[index]:
                continue
            found.append(("object", seen))
            inner = part * seen
            found += [("part", inner == k) for k in range(1, int(inner.max()) + 1)]
        found += [("group", np.isin(owner, group)) for group in groups]
        found = [(level, mask) for level, mask in found if MIN_SHARE < mask.mean() < MAX_SHARE]
        if not found:
            return self._painting(rng, size)
        level = np.array([level for level, _ in found])
        weight = np.array([WEIGHT[name] for name in level], np.float32)
        return Scene(picture, np.stack([mask for _, mask in found]), weight, level, owner)

    def _room(self, rng: np.random.Generator, owner: np.ndarray, extent: float) -> np.ndarray:
        """A place for something of that extent: the one of three that hides the least of what is there."""
        places = rng.uniform(0, self.size, (3, 2))
        hidden = []
        for place in places:
            low = np.maximum(place - extent / 2, 0).astype(int)
            high = (place + extent / 2).astype(int) + 1
            hidden.append((owner[low[1] : high[1], low[0] : high[0]] >= 0).mean())
        return places[int(np.argmin(hidden))]

    def _ramp(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        return np.cos(angle) * x + np.sin(angle) * y

    def _texture(self, rng: np.random.Generator, height: int, width: int, photo: float = 0.25) -> np.ndarray:
        """A filling, float32 [height,width,3] in 0..255."""
        if rng.random() < photo:
            picture = self.material["photo"][rng.integers(len(self.material["photo"]))]
            side = int(min(picture.shape[:2]) * rng.uniform(0.2, 1.0))
            top = rng.integers(picture.shape[0] - side + 1)
            left = rng.integers(picture.shape[1] - side + 1)
            crop = picture[top : top + side, left : left + side]
            return cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        kind = rng.integers(5)
        first, second = colour(rng), colour(rng)
        if rng.random() < 0.5:  # close tones: weak edges inside
            second = first + rng.normal(0, 22, 3)
        if kind == 0:
            blend = np.zeros((height, width), np.float32)
        elif kind == 1:
            blend = self._ramp(rng, height, width) * 0.5 + 0.5
        elif kind == 2:
            blend = np.sin(self._ramp(rng, height, width) * rng.uniform(6, 50)) * rng.uniform(0.5, 4) * 0.5 + 0.5
        elif kind == 3:
            cells = rng.uniform(2, 9)
            blend = sum(noise(rng, height, width, cells * 2**k) / 2**k for k in range(4)) * 0.5 + 0.5
        else:
            cells = rng.integers(3, 16)
            y, x = np.mgrid[0 : cells : height * 1j, 0 : cells : width * 1j].astype(np.float32)
            if rng.random() < 0.5:
                blend = ((x.astype(int) + y.astype(int)) % 2).astype(np.float32)
            else:
                blend = ((x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < rng.uniform(0.02, 0.2)).astype(np.float32)
        blend = np.clip(blend, 0, 1)[..., None]
        filled = first * (1 - blend) + second * blend
        if rng.random() < 0.5:
            filled = filled + noise(rng, height, width, max(height, width) / 3)[..., None] * rng.uniform(2, 20)
        return filled.astype(np.float32)

    def _shape(self, rng: np.random.Generator, side: int = 192) -> np.ndarray:
        """Alpha of a random shape, uint8 [side,side]: polygon, blob, ellipse, box, ring, curve or glyph."""
        alpha = np.zeros((side, side), np.uint8)
        kind = rng.choice(["polygon", "blob", "ellipse", "box", "ring", "curve", "glyph", "stack"])
        if kind == "glyph":
            glyph = self.material["glyph"][rng.integers(len(self.material["glyph"]))]
            factor = (side - 8) / max(glyph.shape)
            glyph = cv2.resize(glyph, None, fx=factor, fy=factor)
            alpha[4 : 4 + glyph.shape[0], 4 : 4 + glyph.shape[1]] = glyph
            return alpha
        centre, radius = side / 2, side / 2 - 6
        if kind in ("polygon", "blob"):
            points = int(rng.integers(3, 9)) if kind == "polygon" else 64
            angle = np.sort(rng.uniform(0, 2 * np.pi, points)) if kind == "polygon" else np.linspace(0, 2 * np.pi, points)
            if kind == "polygon":
                reach = rng.uniform(0.5, 1, points)
            else:
                reach = 0.65 + sum(
                    rng.uniform(-0.3, 0.3) / k * np.sin(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(1, 7)
                )
                reach = np.clip(reach, 0.15, 1)
            outline = np.stack([centre + radius * reach * np.cos(angle), centre + radius * reach * np.sin(angle)], 1)
            cv2.fillPoly(alpha, [outline.astype(np.int32)], 255, cv2.LINE_AA)
        elif kind == "ellipse":
            axes = (int(radius), int(radius * rng.uniform(0.3, 1)))
            cv2.ellipse(alpha, (side // 2, side // 2), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        elif kind == "box":
            half = int(radius * rng.uniform(0.1, 1))
            cv2.rectangle(alpha, (6, side // 2 - half), (side - 6, side // 2 + half), 255, -1)
        elif kind == "ring":
            inner = int(radius * rng.uniform(0.3, 0.85))
            cv2.circle(alpha, (side // 2, side // 2), int(radius), 255, -1, cv2.LINE_AA)
            cv2.circle(alpha, (side // 2, side // 2), inner, 0, -1, cv2.LINE_AA)
        elif kind == "curve":
            t = np.linspace(0, 1, 40)
            wave = [centre + radius * 0.9 * (2 * t - 1), centre + radius * rng.uniform(0.1, 0.8) * np.sin(t * rng.uniform(2, 10))]
            thickness = int(side * rng.uniform(0.02, 0.15))
            cv2.polylines(alpha, [np.stack(wave, 1).astype(np.int32)], False, 255, max(2, thickness), cv2.LINE_AA)
        else:  # several boxes and discs joined, like furniture and buildings
            for _ in range(rng.integers(2, 6)):
                a, b = rng.uniform(0.1, 0.9, (2, 2)) * side
                low, high = np.minimum(a, b).astype(int), np.maximum(a, b).astype(int) + side // 12
                if rng.random() < 0.7:
                    cv2.rectangle(alpha, low.tolist(), high.tolist(), 255, -1)
                else:
                    cv2.circle(alpha, low.tolist(), int(side * rng.uniform(0.08, 0.3)), 255, -1, cv2.LINE_AA)
        return alpha

    def _sprite(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """An object: RGBA float32 [h,w,4] and its parts, uint8 [h,w] (0 none)."""
        kind = rng.choice(["stamp", "emoji", "shape"], p=[0.5, 0.14, 0.36])
        if kind == "shape":
            alpha = self._shape(rng)
            fill = self._texture(rng, *alpha.shape)
            if rng.random() < 0.5:  # a rendered solid: shade by the distance to the outline
                depth = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
                depth = np.sqrt(depth / (depth.max() + 1e-3))
                light = 0.55 + 0.6 * depth + 0.25 * self._ramp(rng, *alpha.shape)
                fill = fill * light[..., None]
            sprite = np.dstack([fill, alpha]).astype(np.float32)
        else:
            found = self.material[str(kind)]
            sprite = found[rng.integers(len(found))].astype(np.float32)
        parts = np.zeros(sprite.shape[:2], np.uint8)
        if rng.random() < (0.5 if kind == "shape" else 0.1):
            for index in range(1, int(rng.integers(2, 4))):
                height, width = parts.shape
                patch = self._shape(rng, 96)
                extent = max(12, int(min(height, width) * rng.uniform(0.2, 0.7)))
                patch = cv2.resize(patch, (extent, extent)).astype(np.float32) / 255
                top = int(rng.integers(0, max(1, height - extent)))
                left = int(rng.integers(0, max(1, width - extent)))
                window = np.s_[top : top + extent, left : left + extent]
                cover = patch[: height - top, : width - left, None]
                fill = self._texture(rng, *cover.shape[:2])
                sprite[window][..., :3] = sprite[window][..., :3] * (1 - cover) + fill * cover
                inside = (cover[..., 0] > 0.5) & (sprite[window][..., 3] > 127)
                parts[window][inside] = index
        if rng.random() < 0.5:
            sprite, parts = sprite[:, ::-1], parts[:, ::-1]
        return np.ascontiguousarray(sprite), np.ascontiguousarray(parts)

    def _place(self, rng, canvas, owner, part, sprite, parts, centre, extent, index) -> None:
        """Scales, turns, colours and paints one object, sometimes with a shadow under it."""
        height, width = sprite.shape[:2]
        factor = extent / max(height, width)
        turn = rng.normal(0, 20) if rng.random() < 0.6 else rng.uniform(0, 360)
        stretch = rng.uniform(0.75, 1.3)
        if factor < 0.6:
            sprite = cv2.resize(sprite, None, fx=2 * factor, fy=2 * factor, interpolation=cv2.INTER_AREA)
            parts = cv2.resize(parts, (sprite.shape[1], sprite.shape[0]), interpolation=cv2.INTER_NEAREST)
            height, width = sprite.shape[:2]
            factor = 0.5
        cos, sin = np.cos(np.radians(turn)) * factor, np.sin(np.radians(turn)) * factor
        matrix = np.array([[cos * stretch, -sin], [sin * stretch, cos]])
        corners = matrix @ np.array([[-width, width, width, -width], [-height, -height, height, height]]) / 2
        low = np.floor(corners.min(1) + centre).astype(int)
        high = np.ceil(corners.max(1) + centre).astype(int)
        low_seen, high_seen = np.maximum(low, 0), np.minimum(high, self.size)
        if (high_seen - low_seen < 3).any():
            self.painted.append(0)
            return
        offset = centre - low_seen - matrix @ np.array([width / 2, height / 2])
        affine = np.hstack([matrix, offset[:, None]])
        target = tuple(int(v) for v in high_seen - low_seen)
        premultiplied = sprite.copy()
        premultiplied[..., :3] *= sprite[..., 3:] / 255
        warped = cv2.warpAffine(premultiplied, affine, target, flags=cv2.INTER_LINEAR)
        inner = cv2.warpAffine(parts, affine, target, flags=cv2.INTER_NEAREST)
        alpha = warped[..., 3] / 255
        fill = warped[..., :3] / np.maximum(alpha, 1e-3)[..., None]
        if rng.random() < 0.6:
            gain, shift = rng.uniform(0.6, 1.35), rng.normal(0, 14, 3)
            fill = fill * gain + shift
        if rng.random() < 0.4:
            fill = fill * (1 + 0.35 * self._ramp(rng, target[1], target[0]))[..., None]
        if rng.random() < 0.35:
            shade = cv2.GaussianBlur(alpha, (0, 0), max(1.0, extent * 0.04))
            move = np.float32([[1, 0, extent * rng.uniform(-0.1, 0.1)], [0, 1, extent * rng.uniform(0, 0.1)]])
            shade = cv2.warpAffine(shade, move, target) * rng.uniform(0.2, 0.7)
            canvas[low_seen[1] : high_seen[1], low_seen[0] : high_seen[0]] *= 1 - shade[..., None]
        if rng.random() < 0.3:
            alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 1.2) * self.size / 256)
        self._paint(canvas, owner, part, fill, alpha, int(low_seen[0]), int(low_seen[1]), index, inner)

    def _paint(self, canvas, owner, part, fill, alpha, left, top, index, inner=None) -> None:
        window = np.s_[top : top + alpha.shape[0], left : left + alpha.shape[1]]
        cover = alpha[..., None]
        canvas[window] = canvas[window] * (1 - cover) + np.clip(fill, 0, 255) * cover
        solid = alpha > 0.5
        self.painted.append(int(solid.sum()))
        owner[window][solid] = index
        part[window][solid] = 0 if inner is None else inner[solid]

    def _camera(self, rng: np.random.Generator, canvas: np.ndarray, light: bool) -> np.ndarray:
        """Light, lens and sensor: gradients, white balance, contrast, blur, noise, JPEG."""
        size = canvas.shape[0]
        if light and rng.random() < 0.4:
            canvas = canvas * (1 + 0.4 * noise(rng, size, size, rng.uniform(2, 4)))[..., None]
        canvas = canvas * rng.uniform(0.85, 1.15, 3)
        grey = canvas.mean(axis=2, keepdims=True)
        if rng.random() < 0.3:
            canvas = grey + (canvas - grey) * rng.uniform(0.0, 1.3)
        canvas = np.clip((canvas - 128) * rng.uniform(0.6, 1.2) + 128 + rng.normal(0, 12), 0, 255)
        canvas = (canvas / 255) ** np.exp(rng.normal(0, 0.2)) * 255
        canvas = canvas.astype(np.float32)
        if rng.random() < 0.4:
            canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.3, 1.3) * size / 256)
        if rng.random() < 0.5:
            canvas = canvas + rng.standard_normal(canvas.shape, np.float32) * rng.uniform(1, 9)
        picture = np.clip(canvas, 0, 255).astype(np.uint8)
        if rng.random() < 0.4:
            quality = int(rng.integers(35, 95))
            picture = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
        return picture
