/** The picture that is shown, decoded. */
import { useEffect, useState } from "react";
import { decodePicture } from "../formats/picture.ts";
import { useViewed, useWorkspace } from "./viewed.ts";

/** The open picture, upright; null until it is decoded. Of two pictures opened at once the later is shown. */
export function usePicture(): ImageBitmap | null {
  const { workspace } = useViewed();
  const file = useWorkspace(({ picture }) => picture);
  const [decoded, setDecoded] = useState<{ readonly file: Blob; readonly picture: ImageBitmap } | null>(null);
  useEffect(() => {
    if (!file) return setDecoded(null);
    let isWanted = true;
    decodePicture(file).then(
      (picture) => (isWanted ? setDecoded({ file, picture }) : picture.close()),
      (error: unknown) => isWanted && workspace.notices.fail(error, "choose another picture."),
    );
    return () => {
      isWanted = false;
    };
  }, [file, workspace]);
  const picture = decoded?.picture ?? null;
  // closed once another one is drawn
  useEffect(() => () => picture?.close(), [picture]);
  return picture;
}
