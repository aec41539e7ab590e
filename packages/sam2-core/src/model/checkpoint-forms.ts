/** The forms of a checkpoint: read where one is kept, else converted; none before it is loaded. */
import { type AttentionForm, type Dtype, isSam2Error, Sam2Error } from "sam2-contract";
import type { ModelCache } from "../storage/cache.ts";
import { digest } from "../storage/digest.ts";
import { bytesOf } from "./blobs.ts";
import type { Checkpoint, CheckpointHashes } from "./checkpoint.ts";
import { type Converted, convert, inspect } from "./convert.ts";
import type { DtypeChoice, LoadedModel, ModelForm, ModelForms } from "./forms.ts";
import { KeptForm } from "./kept-form.ts";

/** How to open a checkpoint. */
export interface CheckpointOptions {
  readonly cache: ModelCache;
  /** Side of the model's input in pixels; the checkpoint's own by default. */
  readonly imageSize: number | undefined;
  /** Whether to open it at half its image size. */
  readonly draft: boolean;
  readonly dtype: DtypeChoice;
  /** Whether the decoder alone is wanted: it is read from whatever form is kept. */
  readonly decoderAlone: boolean;
  /** Whether the weights stay after the conversion, since another worker needs them. */
  readonly keepsWeights: boolean;
}

/** A part of an image size, rounded to a multiple of 32, as image sizes must be. */
function part(imageSize: number, divisor: number): number {
  return Math.max(32, 32 * Math.round(imageSize / (32 * divisor)));
}

/**
 * The forms of a checkpoint: with fused and with decomposed attention, computed in half precision, and in int8.
 *
 * @throws InvalidModelError, InvalidConfigError, DownloadError; each form's `load` throws what the exporter throws, too
 */
export async function checkpointForms(checkpoint: Checkpoint, options: CheckpointOptions): Promise<ModelForms> {
  const { cache, draft, dtype, decoderAlone, keepsWeights, imageSize: asked } = options;
  const { id } = checkpoint;
  const place = new KeptForm(cache, id, draft ? "draft" : "whole", asked ?? null);
  let opening: ReturnType<Checkpoint["open"]> | undefined;
  const opened = (): ReturnType<Checkpoint["open"]> => {
    opening ??= checkpoint.open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const known = await checkpoint.known();
  const kept = known && (await place.find(known));
  const hashes: CheckpointHashes = kept ? known : (await opened()).hashes;
  const facts = kept?.facts ?? (await refusing(async () => inspect((await opened()).files.config, asked)));
  const imageSize = draft ? part(facts.imageSize, 2) : facts.imageSize;
  /** What was converted and not kept yet. */
  const fresh = new Map<ModelForm, { readonly hashes: CheckpointHashes; readonly converted: Converted }>();

  async function refusing<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      await checkpoint.refuse(error);
      throw error;
    }
  }

  function form(stored: Dtype, attention: AttentionForm, side = imageSize): ModelForm {
    const self: ModelForm = { attention, dtype: stored, load: () => (side === imageSize ? load() : converted()) };
    return self;

    async function converted(fault?: string): Promise<LoadedModel> {
      const { files, hashes: these } = await opened();
      const made = await refusing(() => convert(files, { id, imageSize: side, attention, dtype: stored }));
      if (side === imageSize) fresh.set(self, { hashes: these, converted: made });
      const bytes = { encoder: await bytesOf(made.encoder), decoder: await bytesOf(made.decoder) };
      return { spec: made.manifest, bytes, dtype: stored, ...(fault === undefined ? {} : { fault }) };
    }

    async function load(): Promise<LoadedModel> {
      const found = await place.find(hashes);
      const isThis = found?.manifest.dtype === stored && found.manifest.attention === attention;
      let fault: string | undefined;
      if (found && (isThis || decoderAlone)) {
        try {
          const { manifest } = found;
          return { spec: manifest, bytes: await place.read(manifest, decoderAlone), dtype: manifest.dtype };
        } catch (error) {
          fault = `${(error as Error).name}: ${(error as Error).message}; converted anew`;
        }
      }
      try {
        return await converted(fault);
      } catch (error) {
        if (!isSam2Error(error, "DownloadError")) throw error;
        if (fault !== undefined) throw new Sam2Error("IntegrityError", `${fault}: ${error.message}`, { cause: error });
        // int8 is for CPUs, and it may be a GPU that this is opened for
        if (!found || found.manifest.dtype === "int8") throw error;
        const { manifest } = found;
        const instead = `without a network, what is kept is used: ${manifest.dtype}, ${manifest.attention} attention`;
        return { spec: manifest, bytes: await place.read(manifest, false), dtype: manifest.dtype, fault: instead };
      }
    }
  }

  async function settle(taken: ModelForm): Promise<void> {
    const made = fresh.get(taken.whole ?? taken);
    fresh.clear();
    const isKept = made ? await place.keep(made.hashes, facts, made.converted) : (await place.find(hashes)) !== null;
    if (!isKept) return;
    opening = undefined;
    // the encoder may be wanted in another form
    if (!keepsWeights && !decoderAlone) await checkpoint.dropWeights();
  }

  const [first = "", ...others] = hashes.weights;
  const weights = others.length === 0 ? first : await digest(new TextEncoder().encode(hashes.weights.join()));
  const common = { fingerprint: `${weights}-${imageSize}`, half: [], int8: null, dtypeReason: null, settle };
  const gains = facts.gainsByInt8;
  if (dtype === "int8" && gains) return { ...common, forms: [form("int8", "decomposed")] };
  const stored = dtype === "fp16" || dtype === "fp16-compute" ? "fp16" : "fp32";
  const forms = [form(stored, "fused"), form(stored, "decomposed")] as const;
  if (dtype === "int8") {
    const dtypeReason = "int8 was asked for, but speeds up matrix products, of which this model's trunk has none";
    return { ...common, forms, dtypeReason };
  }
  const half = [form("fp16-compute", "fused"), form("fp16-compute", "decomposed")];
  if (dtype === "fp16-compute") {
    const dtypeReason = "fp16-compute was asked for, but needs a GPU that computes right in float16";
    return { ...common, forms, half, dtypeReason };
  }
  if (dtype !== "auto") return { ...common, forms };
  if (!gains) return { ...common, forms, half };
  const small = part(imageSize, 4);
  const trial = { fp32: form("fp32", "decomposed", small), int8: form("int8", "decomposed", small) };
  return { ...common, forms, half, int8: { form: form("int8", "decomposed"), trial, weights } };
}
