/** The picture that is shown, decoded. */
import { useEffect, useState } from "react";
import { decodePicture } from "../formats/picture.ts";
import { useViewed, useWorkspace } from "./viewed.ts";

/** A picture, upright, and the file that it was decoded from. */
export interface DecodedPicture {
  readonly file: Blob;
  readonly picture: ImageBitmap;
}

/**
 * The open picture; until it is decoded, the one that was open before, if there was one. Of two pictures opened at once
 * the later is shown.
 */
export function usePicture(): DecodedPicture | null {
  const { workspace } = useViewed();
  const file = useWorkspace(({ picture }) => picture);
  const [decoded, setDecoded] = useState<DecodedPicture | null>(null);
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
  // closed once another one is drawn
  useEffect(() => () => decoded?.picture.close(), [decoded]);
  return decoded;
}
