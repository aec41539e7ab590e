/** What the services are answered with. */
import type { DeviceInfoOf, SegmenterOf, SegmentResult } from "sam2-core";

/** A segmenter of sam2-web or sam2-node, or whatever answers as one does. */
export type HostedSegmenter = Pick<
  SegmenterOf<Blob, DeviceInfoOf, SegmentResult>,
  "model" | "segment" | "setImage" | "segmentEverything"
>;
