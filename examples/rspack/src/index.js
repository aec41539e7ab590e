import { segment } from "sam2-web";

const photo = document.querySelector("img");
const canvas = document.querySelector("canvas");
const status = document.querySelector("output");

photo.addEventListener("click", async ({ offsetX, offsetY }) => {
  try {
    const onProgress = ({ phase }) => {
      status.value = phase;
    };
    const scale = photo.naturalWidth / photo.width; // the page may show the picture smaller than it is
    const result = await segment(photo, { point: [offsetX * scale, offsetY * scale] }, { onProgress });
    const mask = result.toImageData({ color: [255, 0, 128] });
    canvas.width = mask.width;
    canvas.height = mask.height;
    canvas.getContext("2d").putImageData(mask, 0, 0);
    status.value = `score ${result.scores.data[0].toFixed(2)}`;
  } catch (error) {
    status.value = error.message;
  }
});
