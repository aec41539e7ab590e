"""What light, lens, sensor and file do to a picture: the augmentations of training."""

import cv2
import numpy as np


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: float) -> np.ndarray:
    """Smooth noise in about [-1, 1], with `cells` bumps across."""
    count = max(2, int(cells))
    coarse = rng.uniform(-1, 1, (count, count)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def shoot(rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    """uint8 picture of a canvas [S,S,3] in 0..255, as some camera would give it.

    Uneven light, white balance, contrast, exposure up to two thirds of a stop with clipped lights, gamma, a lens out of
    focus or a hand that moved, a sensor with fewer pixels, noise, JPEG. Each comes or stays away by chance.
    """
    size = canvas.shape[0]
    canvas = canvas.astype(np.float32)
    if rng.random() < 0.3:
        canvas = canvas * (1 + 0.4 * smooth_noise(rng, size, size, rng.uniform(2, 4)))[..., None]
    canvas = canvas * rng.uniform(0.88, 1.12, 3).astype(np.float32)
    if rng.random() < 0.3:
        gray = canvas.mean(axis=2, keepdims=True)
        canvas = gray + (canvas - gray) * rng.uniform(0.0, 1.3)
    if rng.random() < 0.5:
        canvas = (canvas - 128) * rng.uniform(0.6, 1.25) + 128 + rng.normal(0, 12)
    if rng.random() < 0.4:
        canvas = canvas * 2 ** rng.uniform(-0.66, 0.66)
    canvas = np.clip(canvas, 0, 255)
    if rng.random() < 0.5:
        canvas = (canvas / 255) ** np.exp(rng.normal(0, 0.25)) * 255
    canvas = canvas.astype(np.float32)
    lens = rng.random()
    if lens < 0.25:
        canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.3, 1.3) * size / 256)
    elif lens < 0.33:
        canvas = cv2.filter2D(canvas, -1, _motion(rng, rng.uniform(3, 9) * size / 512))
    elif lens < 0.45:
        fewer = int(size * rng.uniform(0.25, 0.8))
        canvas = cv2.resize(cv2.resize(canvas, (fewer, fewer), interpolation=cv2.INTER_AREA), (size, size))
    if rng.random() < 0.4:
        canvas = canvas + rng.standard_normal(canvas.shape, np.float32) * rng.uniform(1, 9)
    picture = np.clip(canvas, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(30, 95))
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
    return picture


def _motion(rng: np.random.Generator, length: float) -> np.ndarray:
    """A filter that smears along a line of that length in pixels, in any direction."""
    side = int(length) | 1
    kernel = np.zeros((side, side), np.float32)
    angle, center = rng.uniform(0, np.pi), side // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * center
    low, high = np.round(center - reach).astype(int), np.round(center + reach).astype(int)
    cv2.line(kernel, low.tolist(), high.tolist(), 1.0, 1)
    return kernel / kernel.sum()
