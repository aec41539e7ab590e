"""Fetches the raw material of the training scenes: pictures and fonts from Debian packages.

Everything comes from packages of Debian 12 under free licenses; the model card lists them.
Nothing fetched here is stored in the repository.

    python sources.py CACHE_FOLDER
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stored import store, whole

Image.MAX_IMAGE_PIXELS = None

PACKAGES = [
    "tuxpaint-stamps-default",  # GPL-2: objects on transparent ground, photographs and drawings
    "fonts-noto-color-emoji",  # OFL-1.1
    "fonts-symbola",  # public domain ("free for any use")
    "fonts-font-awesome",  # OFL-1.1
    "fonts-dejavu-core",  # Bitstream Vera license
    "gnome-backgrounds",  # CC-BY-SA-3.0
    "mate-backgrounds",  # GPL-2+
    "lomiri-wallpapers-16.04",  # CC-BY-4.0, CC-BY-SA-4.0, CC0-1.0
    "lomiri-wallpapers-20.04",  # CC-BY-SA-4.0
    "ukui-wallpapers",  # CC-BY-SA-3.0
    "lxqt-themes",  # LGPL-2.1+, CC-BY-SA
    "plasma-workspace-wallpapers",  # LGPL-3, CC-BY-SA-4.0
]
STAMP_PIXELS = 224
PHOTO_PIXELS = 1024


def fetch_packages(cache: Path) -> Path:
    """Downloads and unpacks the Debian packages below `cache`; returns the unpacked root."""
    root = cache / "root"
    if not root.exists():
        archives = cache / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", *PACKAGES], cwd=archives, check=True)
        with whole(root) as aside:
            for archive in archives.glob("*.deb"):
                subprocess.run(["dpkg", "-x", archive, aside], check=True)
    return root


def is_lively(photo: np.ndarray) -> bool:
    """Whether a picture holds enough edges to be of use: plain gradients and logos do not."""
    gray = photo.mean(2)
    edges = np.abs(np.diff(gray, axis=0))[:, :-1] + np.abs(np.diff(gray, axis=1))[:-1]
    return (edges > 12).mean() > 0.02


def photos(root: Path) -> list[np.ndarray]:
    """Background pictures, RGB uint8, the longer side at most PHOTO_PIXELS."""
    found = []
    for path in sorted(root.glob("usr/share/**/*")):
        folder = str(path.parent)
        if path.suffix not in {".jpg", ".jpeg", ".png", ".webp"} or "stamps" in folder:
            continue
        if "backgrounds" not in folder and "wallpapers" not in folder or "_dark" in folder:
            continue
        if path.is_symlink() or path.stat().st_size < 150_000:
            continue
        picture = Image.open(path)
        if "A" in picture.getbands():
            continue
        picture = picture.convert("RGB")
        picture.thumbnail((PHOTO_PIXELS, PHOTO_PIXELS), Image.LANCZOS)
        pixels = np.asarray(picture)
        if min(pixels.shape[:2]) >= 400 and is_lively(pixels):
            found.append(pixels)
    return found


def stamps(root: Path) -> list[np.ndarray]:
    """Objects on transparent ground, RGBA uint8, cropped to their content."""
    found = []
    for path in sorted(root.glob("usr/share/tuxpaint/stamps/**/*.png")):
        if "alphabets" in str(path):
            continue
        picture = Image.open(path).convert("RGBA")
        picture = picture.crop(picture.getchannel("A").point(lambda a: 255 * (a > 40)).getbbox())
        picture.thumbnail((STAMP_PIXELS, STAMP_PIXELS), Image.LANCZOS)
        pixels = np.asarray(picture)
        share = (pixels[..., 3] > 128).mean()
        if min(pixels.shape[:2]) >= 24 and 0.08 < share < 0.97:
            found.append(pixels)
    return found


def emoji(root: Path) -> list[np.ndarray]:
    """Color emoji, RGBA uint8."""
    font = ImageFont.truetype(str(next(root.glob("**/NotoColorEmoji.ttf"))), 109)
    blocks = [(0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF)]
    found = []
    for low, high in blocks:
        for code in range(low, high):
            picture = Image.new("RGBA", (150, 150))
            ImageDraw.Draw(picture).text((6, 6), chr(code), font=font, embedded_color=True)
            box = picture.getbbox()
            if box and min(box[2] - box[0], box[3] - box[1]) > 30:
                found.append(np.asarray(picture.crop(box)))
    return found


def glyphs(root: Path, seed: int = 0, count: int = 700) -> list[np.ndarray]:
    """Shapes of symbols and letters: alpha only, uint8."""
    files = [f for f in sorted(root.glob("usr/share/fonts/**/*.[to]tf")) if "Emoji" not in f.name]
    ranges = [(0x41, 0x5A), (0x61, 0x7A), (0x2600, 0x27BF), (0x2190, 0x21FF), (0xF000, 0xF2E0), (0x1F400, 0x1F6C0)]
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        font = ImageFont.truetype(str(files[rng.integers(len(files))]), 120)
        low, high = ranges[rng.integers(len(ranges))]
        picture = Image.new("L", (220, 220))
        ImageDraw.Draw(picture).text((40, 30), chr(int(rng.integers(low, high + 1))), font=font, fill=255)
        box = picture.getbbox()
        if box and min(box[2] - box[0], box[3] - box[1]) > 24:
            found.append(np.asarray(picture.crop(box)))
    return found


def load(cache: Path) -> dict[str, list[np.ndarray]]:
    """All material, made once and kept as one file in `cache`."""
    stored = cache / "material.npz"
    if not stored.exists():
        root = fetch_packages(cache)
        kinds = {"photo": photos(root), "stamp": stamps(root), "emoji": emoji(root), "glyph": glyphs(root)}
        arrays = {f"{kind}_{i:04d}": a for kind, found in kinds.items() for i, a in enumerate(found)}
        store(stored, **arrays)
    material: dict[str, list[np.ndarray]] = {}
    with np.load(stored) as arrays:
        for name in sorted(arrays.files):
            material.setdefault(name.split("_")[0], []).append(arrays[name])
    return material


if __name__ == "__main__":
    for kind, found in load(Path(sys.argv[1])).items():
        print(kind, len(found))
