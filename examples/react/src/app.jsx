import { useState } from "react";
import { SegmentCanvas } from "sam2-react";

export function App() {
  const [status, setStatus] = useState("");
  return (
    <>
      <p>Click a thing in the picture.</p>
      <SegmentCanvas
        image="/truck.jpg"
        label="A pick-up truck"
        controls
        style={{ width: 640, height: 427 }}
        onStateChange={setStatus}
        onAnswerChange={(answer) => {
          if (answer) setStatus(`score ${answer.result.scores.data[answer.chosen].toFixed(2)}`);
        }}
      />
      <output>{status}</output>
    </>
  );
}
