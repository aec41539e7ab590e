"use client";

import { useRef, useState } from "react";
import { segment } from "sam2-web";

export default function Page() {
  const canvas = useRef(null);
  const [status, setStatus] = useState("");

  async function click({ currentTarget, nativeEvent: { offsetX, offsetY } }) {
    const onProgress = ({ phase }) => setStatus(phase);
    const result = await segment(currentTarget, { point: [offsetX, offsetY] }, { onProgress });
    const mask = canvas.current.getContext("2d");
    mask.putImageData(result.toImageData({ color: [255, 0, 128] }), 0, 0);
    setStatus(`score ${result.scores.data[0].toFixed(2)}`);
  }

  return (
    <main>
      <p>Click a thing in the picture.</p>
      <div>
        <img src="/truck.jpg" width={640} height={427} alt="A pick-up truck" onClick={click} />
        <canvas ref={canvas} width={640} height={427} />
      </div>
      <output>{status}</output>
    </main>
  );
}
