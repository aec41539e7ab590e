/** Addresses of the three files of sam2-mini; give it to `createSegmenter` as the model. */
export declare const sam2Mini: {
  readonly manifest: string;
  readonly encoder: string;
  readonly decoder: string;
};
