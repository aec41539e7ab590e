/** The forms of a model: one set of weights, in graphs that differ in precision and in how attention is written. */
import type { AttentionForm, Dtype } from "sam2-contract";
import type { ModelSpec } from "./spec.ts";

/**
 * The precision to run a model in: `auto` takes int8 on a CPU where that is faster and right, fp16-compute on a GPU where
 * that is right, and fp32 otherwise.
 */
export type DtypeChoice = "auto" | Dtype;

/** The two graphs of a model, as ONNX files. */
export interface ModelBytes {
  /** Null where the decoder alone was loaded. */
  readonly encoder: Uint8Array | null;
  readonly decoder: Uint8Array;
}

/** A model's sizes and constants, and its graphs. */
export interface LoadedModel {
  readonly spec: ModelSpec;
  readonly bytes: ModelBytes;
  /** Precision of the graphs; null for files that do not say. */
  readonly dtype: Dtype | null;
  /** What was wrong with the files that are kept, and what was done about it. */
  readonly fault?: string;
}

/** One form of a model. For a checkpoint, `load` converts it, unless it is kept. */
export interface ModelForm {
  readonly attention: AttentionForm;
  /** Null for files that do not say. */
  readonly dtype: Dtype | null;
  /** The form of which this one is the decoder alone. */
  readonly whole?: ModelForm;
  load(): Promise<LoadedModel>;
}

/** A form in int8, and a small pair of forms that shows on a CPU whether it is right and faster there. */
export interface Int8Choice {
  readonly form: ModelForm;
  readonly trial: { readonly fp32: ModelForm; readonly int8: ModelForm };
  /** Identifies the weights, whatever the image size. */
  readonly weights: string;
}

/** All forms of a model. */
export interface ModelForms {
  /** Fastest on a GPU first. The last one gives correct results on every device that computes in its precision. */
  readonly forms: readonly [...ModelForm[], ModelForm];
  /** What a GPU that computes in float16 tries before these, the fastest first; empty where that was not asked for. */
  readonly half: readonly ModelForm[];
  /** What a CPU may take instead; null where there is no such form, or another precision was asked for. */
  readonly int8: Int8Choice | null;
  /** Identifies the model, in notes that are kept about it and in embeddings: a hash of its weights. */
  readonly fingerprint: string;
  /** Why `forms` are not in the precision that was asked for; null if they are. */
  readonly dtypeReason: string | null;
  /** To be called with the form that was opened: it is kept for the next time, and what else was kept is deleted. */
  settle(form: ModelForm): Promise<void>;
}

/** Why a model runs where it does while its encoder is not open; for `DeviceInfoOf.reason`. */
export const DECODER_ALONE = "the decoder alone, since no picture has been encoded yet";

/** The decoder of a form, alone. */
export function decoderOf(form: ModelForm): ModelForm {
  return {
    ...form,
    whole: form,
    load: async () => {
      const loaded = await form.load();
      return { ...loaded, bytes: { ...loaded.bytes, encoder: null } };
    },
  };
}

/** A model that exists in one form only, already loaded. */
export function singleForm(
  { spec, bytes }: Pick<LoadedModel, "spec" | "bytes">,
  { attention, dtype }: Pick<ModelForm, "attention" | "dtype">,
  fingerprint: string,
  asked: DtypeChoice,
): ModelForms {
  const isAsked = asked === "auto" || asked === dtype;
  return {
    forms: [{ attention, dtype, load: async () => ({ spec, bytes, dtype }) }],
    half: [],
    int8: null,
    fingerprint,
    settle: async () => undefined,
    dtypeReason: isAsked
      ? null
      : `${asked} was asked for, but these files are in ${dtype ?? "a precision of their own"}`,
  };
}
