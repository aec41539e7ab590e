/** A picture from the camera. */
import { Camera } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button } from "react-aria-components";
import { openCamera, takePicture } from "../view/camera.ts";
import { usePage } from "./page.ts";
import { Sheet } from "./sheet.tsx";

/** See the file. */
export function CameraDialog({ close }: { readonly close: () => void }) {
  const { workspace } = usePage();
  const video = useRef<HTMLVideoElement>(null);
  const [sees, setSees] = useState(false);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let isOpen = true;
    const end = (): void => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const start = async (): Promise<void> => {
      stream = await openCamera();
      if (!isOpen || !video.current) return end();
      video.current.srcObject = stream;
      await video.current.play();
    };
    start().catch((error: unknown) => {
      if (!isOpen) return;
      close();
      workspace.notices.fail(error, "allow the camera, or choose a picture.");
    });
    return () => {
      isOpen = false;
      end();
    };
  }, [workspace, close]);
  const take = async (): Promise<void> => {
    if (!video.current) return;
    try {
      const blob = await takePicture(video.current);
      void workspace.set.add([{ name: `camera-${new Date().toISOString().replace(/\W/g, "-")}.jpg`, blob }]);
    } catch (error) {
      workspace.notices.fail(error, "take it again, or choose a picture.");
    }
    close();
  };
  return (
    <Sheet title="Camera" close={close} size="wide">
      <video ref={video} playsInline muted onLoadedData={() => setSees(true)} />
      <footer>
        <Button className="primary" isDisabled={!sees} onPress={() => void take()}>
          <Camera aria-hidden /> Take the picture
        </Button>
      </footer>
    </Sheet>
  );
}
