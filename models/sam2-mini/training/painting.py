"""Painted scenes with exact masks, made from a seed: objects with parts, in groups, overlapping.

A scene is painted back to front. Each pixel remembers which object, and which part of it, is on
top, so every mask is what can be seen.
"""

import cv2
import numpy as np

from camera import shoot, smooth_noise
from photographs import Photographs
from scene import Scene, scene_of

MIN_SHARE, MAX_SHARE = 0.003, 0.65
MIN_SEEN = 0.35
SMALLEST = 50
"""Extent of the smallest objects in pixels of a picture of up to `FULL` pixels a side; larger pictures show the same, larger."""
FULL = 512
WEIGHT = dict(object=1, part=0.6, group=0.4, ground=0.4)


def color(rng: np.random.Generator) -> np.ndarray:
    """A random color; grays and muted tones are common, as in photographs."""
    hue, saturation, value = rng.uniform(0, 360), rng.beta(1.1, 2.0), rng.beta(1.6, 1.4)
    hsv = np.array([[[hue, saturation, value]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] * 255


class Painter:
    """Paints scenes of `material` (`sources.load`), and of `photographs`' things and fillings where they are given."""

    def __init__(self, material: dict[str, list[np.ndarray]], photographs: Photographs | None = None):
        self.material, self.photographs = material, photographs

    def paint(self, rng: np.random.Generator, size: int) -> Scene:
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
                field = smooth_noise(rng, size, size, rng.uniform(2, 5)) * 0.3 + self._ramp(rng, size, size)
                alpha = np.clip((field - rng.uniform(-0.4, 0.4)) * size / 4, 0, 1)
                self._paint(canvas, owner, part, self._texture(rng, size, size), alpha, 0, 0, count)
                count += 1
        total = int(rng.integers(1, 3 + 6 * min(size, FULL) // FULL))
        while total > 0:
            grouped = rng.random() < 0.2
            members = int(rng.integers(2, 6)) if grouped else 1
            scale = float(np.exp(rng.uniform(np.log(smallest), np.log(1.1 * size))))
            center = self._room(rng, owner, scale)
            base = self._sprite(rng) if grouped and rng.random() < 0.6 else None
            group = []
            for _ in range(members):
                sprite, parts = base or self._sprite(rng)
                extent = max(smallest, scale * rng.uniform(0.5, 0.7)) if grouped else scale
                where = center + (rng.normal(0, 0.6, 2) * extent if grouped else 0)
                self._place(rng, canvas, owner, part, sprite, parts, where, extent, count)
                group.append(count)
                count += 1
            if grouped:
                groups.append(group)
            total -= members
        found = [("ground", owner == -1)]
        for index in range(count):
            seen = owner == index
            if seen.sum() < MIN_SEEN * self.painted[index]:
                continue
            found.append(("object", seen))
            inner = part * seen
            found += [("part", inner == k) for k in range(1, int(inner.max()) + 1)]
        found += [("group", np.isin(owner, group)) for group in groups]
        regions = [(level, WEIGHT[level], mask, None) for level, mask in found if MIN_SHARE < mask.mean() < MAX_SHARE]
        return scene_of(shoot(rng, canvas), regions, owner) or self.paint(rng, size)

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
            if self.photographs and rng.random() < 0.6:
                picture, least = self.photographs.ground(rng), 0.6
            else:
                picture, least = self.material["photo"][rng.integers(len(self.material["photo"]))], 0.2
            side = int(min(picture.shape[:2]) * rng.uniform(least, 1.0))
            top = rng.integers(picture.shape[0] - side + 1)
            left = rng.integers(picture.shape[1] - side + 1)
            crop = picture[top : top + side, left : left + side]
            return cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        kind = rng.integers(5)
        first, second = color(rng), color(rng)
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
            blend = sum(smooth_noise(rng, height, width, cells * 2**k) / 2**k for k in range(4)) * 0.5 + 0.5
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
            filled = filled + smooth_noise(rng, height, width, max(height, width) / 3)[..., None] * rng.uniform(2, 20)
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
        center, radius = side / 2, side / 2 - 6
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
            outline = np.stack([center + radius * reach * np.cos(angle), center + radius * reach * np.sin(angle)], 1)
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
            wave = [center + radius * 0.9 * (2 * t - 1), center + radius * rng.uniform(0.1, 0.8) * np.sin(t * rng.uniform(2, 10))]
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
        if self.photographs and rng.random() < 0.6:
            kind = "cutout"
        else:
            kind = str(rng.choice(["stamp", "emoji", "shape"], p=[0.5, 0.14, 0.36]))
        if kind == "shape":
            alpha = self._shape(rng)
            fill = self._texture(rng, *alpha.shape)
            if rng.random() < 0.5:  # a rendered solid: shade by the distance to the outline
                depth = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
                depth = np.sqrt(depth / (depth.max() + 1e-3))
                light = 0.55 + 0.6 * depth + 0.25 * self._ramp(rng, *alpha.shape)
                fill = fill * light[..., None]
            sprite = np.dstack([fill, alpha]).astype(np.float32)
        elif kind == "cutout":
            sprite = self.photographs.cutout(rng).astype(np.float32)
        else:
            found = self.material[kind]
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

    def _place(self, rng, canvas, owner, part, sprite, parts, center, extent, index) -> None:
        """Scales, turns, colors and paints one object, sometimes with a shadow under it."""
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
        low = np.floor(corners.min(1) + center).astype(int)
        high = np.ceil(corners.max(1) + center).astype(int)
        low_seen, high_seen = np.maximum(low, 0), np.minimum(high, self.size)
        if (high_seen - low_seen < 3).any():
            self.painted.append(0)
            return
        offset = center - low_seen - matrix @ np.array([width / 2, height / 2])
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
