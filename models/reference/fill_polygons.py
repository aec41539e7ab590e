"""Fills polygons with pycocotools, for comparison.

    python fill_polygons.py FILE        adds `filled` to a JSON list of {mask, polygons}
    python fill_polygons.py FILE --odd  writes such a list, without masks: of outlines that cross themselves,
                                        leave the picture, touch, or have no area
"""

import argparse
import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco


def fill(polygons: list[list[float]], height: int, width: int) -> dict:
    filled = coco.merge(coco.frPyObjects(polygons, height, width))
    return dict(size=filled["size"], counts=filled["counts"].decode())


def odd_cases(count: int = 40) -> list[dict]:
    rng = np.random.default_rng(0)
    cases = []
    for _ in range(count):
        height, width = (int(side) for side in rng.integers(4, 40, 2))
        decimals = int(rng.integers(0, 3))
        polygons = []
        for _ in range(int(rng.integers(1, 4))):
            corners = rng.uniform(-0.3, 1.3, (int(rng.integers(3, 9)), 2)) * [width, height]
            polygons.append(corners.round(decimals).flatten().tolist())
        cases.append(dict(polygons=polygons, filled=fill(polygons, height, width)))
    flat = [[2, 2, 9, 2, 5, 2], [3, 1, 3, 8, 3, 4], [4, 4, 4, 4, 4, 4]]
    return cases + [dict(polygons=[ring], filled=fill([ring], 12, 12)) for ring in flat]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--odd", action="store_true")
    arguments = parser.parse_args()
    if arguments.odd:
        cases = odd_cases()
    else:
        cases = json.loads(arguments.file.read_text())
        for case in cases:
            case["filled"] = fill(case["polygons"], *case["mask"]["size"])
            ours = dict(size=case["mask"]["size"], counts=case["mask"]["counts"].encode())
            theirs = dict(case["filled"], counts=case["filled"]["counts"].encode())
            print(case["mask"]["size"], "IoU", float(coco.iou([ours], [theirs], [0])[0, 0]))
    arguments.file.write_text(json.dumps(cases) + "\n")
