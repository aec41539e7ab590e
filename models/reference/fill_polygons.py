"""Adds to a JSON list of {mask, polygons} what pycocotools makes of the polygons: `filled`.

    python fill_polygons.py FILE
"""

import json
import sys
from pathlib import Path

from pycocotools import mask as coco

if __name__ == "__main__":
    path = Path(sys.argv[1])
    cases = json.loads(path.read_text())
    for case in cases:
        height, width = case["mask"]["size"]
        filled = coco.merge(coco.frPyObjects(case["polygons"], height, width))
        case["filled"] = dict(size=filled["size"], counts=filled["counts"].decode())
        ours = dict(size=case["mask"]["size"], counts=case["mask"]["counts"].encode())
        print(case["mask"]["size"], "IoU", float(coco.iou([ours], [filled], [0])[0, 0]))
    path.write_text(json.dumps(cases) + "\n")
