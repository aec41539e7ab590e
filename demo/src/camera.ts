/** A picture from the camera, in a dialog with what it sees. */
import { element } from "./element.ts";

/** Whether this browser can be asked for a camera. */
export function hasCamera(): boolean {
  return typeof navigator.mediaDevices?.getUserMedia === "function";
}

/**
 * Asks for the camera and shows it until a picture is taken.
 *
 * @returns the picture, or null when the person gave up
 * @throws DOMException when the camera is refused, or there is none
 */
export async function takePicture(): Promise<Blob | null> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1920 } },
  });
  const dialog = element<HTMLDialogElement>("camera-dialog");
  const video = element<HTMLVideoElement>("camera-video");
  try {
    video.srcObject = stream;
    await video.play();
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    if (dialog.returnValue !== "take") return null;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    return await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
