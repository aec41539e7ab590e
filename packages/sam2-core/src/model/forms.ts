/** The forms of a model: one set of weights, in graphs that differ in how attention is written. */
import type { AttentionForm } from "sam2-contract";
import type { ModelSpec } from "./spec.ts";

/** The two graphs of a model, as ONNX files. */
export interface ModelBytes {
  readonly encoder: Uint8Array;
  readonly decoder: Uint8Array;
}

/** A model's sizes and constants, and its graphs. */
export interface LoadedModel {
  readonly spec: ModelSpec;
  readonly bytes: ModelBytes;
}

/** One form of a model. For a checkpoint, `load` converts it. */
export interface ModelForm {
  readonly attention: AttentionForm;
  load(): Promise<LoadedModel>;
}

/** All forms of a model. */
export interface ModelForms {
  /** Fastest on a GPU first. The last one gives correct results on every device. */
  readonly forms: readonly [...ModelForm[], ModelForm];
  /** Identifies the model in notes that are kept about it: a hash of its weights; null if not known. */
  readonly fingerprint: string | null;
}

/** A model that exists in one form only, already loaded. */
export function singleForm(loaded: LoadedModel, attention: AttentionForm, fingerprint: string | null): ModelForms {
  return { forms: [{ attention, load: () => Promise.resolve(loaded) }], fingerprint };
}
