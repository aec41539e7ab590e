/** The SHA-256 of the catalog's weights; apart from the catalog, which pages load too, and have no use for them. */
import { CATALOG } from "./catalog.ts";

/** SHA-256 of model.safetensors, by the model's name. */
const KNOWN: Readonly<Record<string, string>> = {
  edgetam: "8858f8e4757b0b96dab8763f296ecffd845efbbbf698f64163cfa20a63d5fff4",
  "sam2.1-tiny": "48c14467e5cf9e51870511feb72c89688e82dd74523142c0538b663e193ac2a7",
  "sam2.1-small": "0a4067b11ce1e23d5229203f11c718a823060d15a4b23fa2372a7d4b77cbbc60",
  "sam2.1-base-plus": "2012733a0de5d03efd1bba550a2847c4551be9ef2e0d497c83074df66189f780",
  "sam2.1-large": "dc407dce21301fd94abb395c5099b4f2c455fdc8a8f261ac3d0ea6d4cd197230",
};

/** The SHA-256 that the weights at the address of a checkpoint have; undefined where it is none of the catalog's. */
export function knownWeights(checkpoint: string): string | undefined {
  const entry = CATALOG.find(({ source }) => (source as { checkpoint?: string } | null)?.checkpoint === checkpoint);
  return entry && KNOWN[entry.id];
}
