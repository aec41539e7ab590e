/** The forms of a model: one set of weights, in graphs that differ in how attention is written. */
import type { AttentionForm } from "sam2-contract";
import type { ModelSpec } from "./spec.ts";

/** The two graphs of a model, as ONNX files. */
export interface ModelBytes {
  readonly encoder: Uint8Array;
  readonly decoder: Uint8Array;
}

/** What a model is, and its graphs. */
export interface LoadedModel {
  readonly spec: ModelSpec;
  readonly bytes: ModelBytes;
}

/** One form of a model. The graphs of a checkpoint are made when they are asked for. */
export interface ModelForm {
  readonly attention: AttentionForm;
  load(): Promise<LoadedModel>;
}

/** All forms that there are of a model. */
export interface ModelForms {
  /** The fastest on a GPU first; the last is right everywhere. */
  readonly forms: readonly [...ModelForm[], ModelForm];
  /** Names what is remembered about the model: a hash of its weights, where it is known. */
  readonly fingerprint: string | null;
}

/** A model whose files are there, in the one form that they have. */
export function singleForm(loaded: LoadedModel, attention: AttentionForm, fingerprint: string | null): ModelForms {
  return { forms: [{ attention, load: () => Promise.resolve(loaded) }], fingerprint };
}
