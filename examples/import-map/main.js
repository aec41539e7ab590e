import { segment } from "sam2-web";

const photo = document.querySelector("img");
const mask = document.querySelector("canvas").getContext("2d");
const status = document.querySelector("output");

photo.addEventListener("click", async ({ offsetX, offsetY }) => {
  const onProgress = ({ phase }) => {
    status.value = phase;
  };
  const result = await segment(photo, { point: [offsetX, offsetY] }, { onProgress });
  mask.putImageData(result.toImageData({ color: [255, 0, 128] }), 0, 0);
  status.value = `score ${result.scores.data[0].toFixed(2)}`;
});
