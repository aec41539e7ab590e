"""Has other tools' own code read what the labeling page exports, and writes what they found.

    npx tsx demo/test/peers.ts .cache/peers
    python models/reference/peers.py .cache/peers demo/test/peers.json

The readers are pycocotools, Datumaro, labelme, ultralytics, supervision and Label Studio's converter
(peers-requirements.txt). Of each object they find the class, the pixels, and the box [left, top, width, height].
"""

import argparse
import hashlib
import importlib.util
import json
import shutil
import tempfile
from importlib.metadata import files, version
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 36)
PICTURES = ["one.png", "two.png", "none.png"]


def figures(name: str, mask: np.ndarray) -> list:
    rows, columns = np.nonzero(mask)
    left, top = int(columns.min()), int(rows.min())
    box = [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
    return [name, int(np.count_nonzero(mask)), box]


def pictures(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        Image.new("RGB", SIZE).save(folder / name)


def by_pycocotools(folder: Path) -> dict:
    from pycocotools.coco import COCO

    found = {}
    for name in ["coco", "coco-polygons"]:
        coco = COCO(folder / name / "annotations.json")
        found[name] = {}
        for image in coco.loadImgs(coco.getImgIds()):
            annotations = coco.loadAnns(coco.getAnnIds(image["id"]))
            found[name][image["file_name"]] = [
                figures(coco.cats[each["category_id"]]["name"], coco.annToMask(each)) for each in annotations
            ]
    return found


def by_datumaro(folder: Path) -> dict:
    import datumaro as dm

    def masks(dataset: dm.Dataset) -> dict:
        labels = dataset.categories()[dm.AnnotationType.label]
        found = {}
        for item in dataset:
            found[f"{item.id}.png"] = []
            for each in sorted(item.annotations, key=lambda each: (each.z_order, each.id)):
                if each.type == dm.AnnotationType.polygon:
                    from pycocotools import mask as coco

                    drawn = coco.decode(coco.merge(coco.frPyObjects([each.points], SIZE[1], SIZE[0])))
                elif each.type == dm.AnnotationType.mask:
                    drawn = each.image
                else:
                    continue
                found[f"{item.id}.png"].append(figures(labels[each.label].name, drawn))
        return found

    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        pictures(root / "datumaro" / "images" / "default")
        (root / "datumaro" / "annotations").mkdir()
        shutil.copy(folder / "datumaro" / "default.json", root / "datumaro" / "annotations")
        pictures(root / "coco" / "images" / "default")
        (root / "coco" / "annotations").mkdir()
        shutil.copy(folder / "coco" / "annotations.json", root / "coco" / "annotations" / "instances_default.json")
        pictures(root / "cvat" / "images")
        shutil.copy(folder / "cvat" / "annotations.xml", root / "cvat")
        return {
            name: masks(dm.Dataset.import_from(str(root / name), format))
            for name, format in [("datumaro", "datumaro"), ("coco", "coco_instances"), ("cvat", "cvat")]
        }


def by_labelme(folder: Path) -> dict:
    from labelme import utils

    found = {}
    for file in sorted((folder / "labelme").glob("*.json")):
        content = json.loads(file.read_text())
        found[content["imagePath"]] = []
        for shape in content["shapes"]:
            if shape["shape_type"] == "mask":
                part = utils.img_b64_to_arr(shape["mask"]).astype(bool)
                drawn = np.zeros((content["imageHeight"], content["imageWidth"]), bool)
                (left, top), (right, bottom) = np.array(shape["points"]).astype(int)
                drawn[top : bottom + 1, left : right + 1] = part
            else:
                size = (content["imageHeight"], content["imageWidth"])
                drawn = utils.shape_to_mask(size, shape["points"], shape["shape_type"])
            found[content["imagePath"]].append(figures(shape["label"], drawn))
    return dict(labelme=found)


def by_ultralytics(folder: Path) -> dict:
    import yaml
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset, polygon2mask

    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "set"
        shutil.copytree(folder / "yolo", root)
        pictures(root / "images")
        content = yaml.safe_load((root / "data.yaml").read_text())
        content["path"] = str(root)
        (root / "data.yaml").write_text(yaml.safe_dump(content))
        data = check_det_dataset(str(root / "data.yaml"))
        dataset = YOLODataset(img_path=str(root / "images"), data=data, task="segment", augment=False)
        found = {}
        for label in dataset.labels:
            name = Path(label["im_file"]).name
            found[name] = []
            for number, ring in zip(label["cls"].flatten().astype(int), label["segments"]):
                drawn = polygon2mask((SIZE[1], SIZE[0]), [(ring * SIZE).reshape(-1)])
                found[name].append(figures(data["names"][int(number)], drawn))
    return dict(yolo=found)


def by_supervision(folder: Path) -> dict:
    import supervision as sv

    def masks(dataset: sv.DetectionDataset) -> dict:
        return {
            Path(path).name: [
                figures(dataset.classes[number], mask)
                for number, mask in zip(detections.class_id, [] if detections.mask is None else detections.mask)
            ]
            for path, _, detections in dataset
        }

    with tempfile.TemporaryDirectory() as temporary:
        pictures(Path(temporary))
        yolo = sv.DetectionDataset.from_yolo(
            temporary, str(folder / "yolo" / "labels"), str(folder / "yolo" / "data.yaml"), force_masks=True
        )
        coco = {
            name: sv.DetectionDataset.from_coco(temporary, str(folder / name / "annotations.json"), force_masks=True)
            for name in ["coco", "coco-polygons"]
        }
        return dict(yolo=masks(yolo), **{name: masks(dataset) for name, dataset in coco.items()})


def by_label_studio(folder: Path) -> dict:
    # the module by itself: the package imports all that the service needs
    file = next(path for path in files("label_studio_sdk") if path.match("converter/brush.py"))
    spec = importlib.util.spec_from_file_location("brush", file.locate())
    brush = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(brush)

    found = {}
    for task in json.loads((folder / "label-studio" / "tasks.json").read_text()):
        found[task["data"]["image"]] = [
            figures(
                result["value"]["brushlabels"][0],
                brush.decode_rle(result["value"]["rle"]).reshape(
                    result["original_height"], result["original_width"], 4
                )[..., 3],
            )
            for result in task["annotations"][0]["result"]
        ]
    return {"label-studio": found}


READERS = {
    "pycocotools": by_pycocotools,
    "datumaro": by_datumaro,
    "labelme": by_labelme,
    "ultralytics": by_ultralytics,
    "supervision": by_supervision,
    "label_studio_sdk": by_label_studio,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    exported = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    result = dict(
        files={
            path.relative_to(arguments.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in exported
        },
        readers={
            name: dict(version=version(name), found=read(arguments.folder)) for name, read in READERS.items()
        },
    )
    arguments.result.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
