"use client";

import { useRef, useState } from "react";
import { segment } from "sam2-web";

export default function Page() {
  const canvas = useRef(null);
  const [status, setStatus] = useState("");

  async function click({ currentTarget: photo, nativeEvent: { offsetX, offsetY } }) {
    try {
      const onProgress = ({ phase }) => setStatus(phase);
      const scale = photo.naturalWidth / photo.width; // the page may show the picture smaller than it is
      const result = await segment(photo, { point: [offsetX * scale, offsetY * scale] }, { onProgress });
      const mask = result.toImageData({ color: [255, 0, 128] });
      canvas.current.width = mask.width;
      canvas.current.height = mask.height;
      canvas.current.getContext("2d").putImageData(mask, 0, 0);
      setStatus(`score ${result.scores.data[0].toFixed(2)}`);
    } catch (error) {
      setStatus(error.message);
    }
  }

  return (
    <main>
      <p>Click a thing in the picture.</p>
      <div>
        <img src="/truck.jpg" alt="A pick-up truck" onClick={click} />
        <canvas ref={canvas} />
      </div>
      <output>{status}</output>
    </main>
  );
}
