/** Segmenters that answer side by side. A picture that is sent again is known by its content, and not encoded again. */
import PQueue from "p-queue";
import { isSam2Error, Sam2Error } from "sam2-contract";
import type { CallOptions, EverythingMask, ModelSpec, SegmenterImage, SegmentResult } from "sam2-core";
import type { HostedSegmenter } from "sam2-hosted/node";
import type { DeviceInfo } from "../runtime/sessions.ts";
import { createSegmenter, type Segmenter, type SegmenterOptions } from "../segmenter.ts";
import { RecentPictures } from "./recent-pictures.ts";

/**
 * Pictures that are remembered: more than have an embedding, of which 256 MB hold forty for sam2-mini, and fifteen for larger
 * models.
 */
const REMEMBERED = { count: 64, bytes: 256e6 } as const;

/**
 * Calls that a segmenter has at a time: while one is in the model, the next picture is decoded. The others wait here, where a
 * picture is as small as its file.
 */
const AT_A_TIME = 2;

/** Of two calls that wait, the one about a picture that is set already comes first: it ends, and makes room. */
const PRIORITY = { set: 1, anew: 0 } as const;

interface Member {
  readonly segmenter: Segmenter;
  readonly calls: PQueue;
  /** Whether it could not be opened again after it was lost. */
  isLost: boolean;
}

/** Several segmenters of one model, each in a thread of its own. */
export class SegmenterPool implements HostedSegmenter {
  readonly #members: readonly Member[];
  /** The member that has a picture's embedding, which it finds by the Blob. */
  readonly #recent = new RecentPictures<Member>(REMEMBERED);
  readonly #homes = new WeakMap<SegmenterImage, Member>();

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  /** Opens so many segmenters. @throws what `createSegmenter` throws */
  static async open(options: SegmenterOptions, count: number): Promise<SegmenterPool> {
    const members: Member[] = [];
    try {
      // one after the other: the first may have to download the model
      for (let i = 0; i < count; i++) {
        const segmenter = await createSegmenter(options);
        members.push({ segmenter, calls: new PQueue({ concurrency: AT_A_TIME }), isLost: false });
      }
    } catch (error) {
      await Promise.all(members.map(({ segmenter }) => segmenter.dispose()));
      throw error;
    }
    return new SegmenterPool(members);
  }

  get size(): number {
    return this.#members.length;
  }

  get model(): ModelSpec {
    return this.#first.segmenter.model;
  }

  /** A hash of the model's weights. */
  get fingerprint(): string {
    return this.#first.segmenter.fingerprint;
  }

  get device(): DeviceInfo {
    return this.#first.segmenter.device;
  }

  segment: HostedSegmenter["segment"] = async ({ image, ...prompt }, options): Promise<SegmentResult> => {
    if (!(image instanceof Blob)) {
      const call = ({ segmenter }: Member) => segmenter.segment({ image, ...prompt }, options);
      return this.#use(this.#homeOf(image), call, { ...options, priority: PRIORITY.set });
    }
    const { picture, about: member } = await this.#recent.recall(image, () => this.#idlest());
    return this.#use(member, ({ segmenter }) => segmenter.segment({ image: picture, ...prompt }, options), options);
  };

  setImage: HostedSegmenter["setImage"] = (picture, options): Promise<SegmenterImage> =>
    this.borrow(async (segmenter, member) => {
      const image = await segmenter.setImage(picture, options);
      this.#homes.set(image, member);
      return image;
    }, options);

  segmentEverything: HostedSegmenter["segmentEverything"] = (image, options): Promise<EverythingMask[]> =>
    image instanceof Blob
      ? this.borrow((segmenter) => segmenter.segmentEverything(image, options), options)
      : this.#use(this.#homeOf(image), ({ segmenter }) => segmenter.segmentEverything(image, options), {
          ...options,
          priority: PRIORITY.set,
        });

  /** Works with the segmenter that has the least to do, once it has room. */
  borrow<T>(work: (segmenter: Segmenter, member: Member) => Promise<T>, { signal }: CallOptions = {}): Promise<T> {
    return this.#use(this.#idlest(), (member) => work(member.segmenter, member), { signal });
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#members.map(({ segmenter }) => segmenter.dispose()));
  }

  get #first(): Member {
    return this.#members[0] as Member;
  }

  #idlest(): Member {
    const busy = ({ calls }: Member): number => calls.size + calls.pending;
    return this.#members.reduce((idlest, member) => (busy(member) < busy(idlest) ? member : idlest));
  }

  #homeOf(image: SegmenterImage): Member {
    const home = this.#homes.get(image);
    if (!home) throw new Sam2Error("InvalidImageError", "the image is of another segmenter; call this one's setImage");
    return home;
  }

  async #use<T>(
    member: Member,
    work: (member: Member) => Promise<T>,
    { signal, priority = PRIORITY.anew }: CallOptions & { readonly priority?: number } = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      const call = async (): Promise<T> => {
        // the model's files may be there again
        if (member.isLost) await reopen(member);
        return work(member).catch((error: Error) => {
          // the call beside this one failed, and the segmenter was restarted
          if (error.name !== "AbortError" || signal?.aborted) throw error;
          return work(member);
        });
      };
      return await member.calls.add(call, { priority, ...(signal && { signal }) });
    } catch (error) {
      // its thread may have ended; whoever comes next finds it open again
      if (isSam2Error(error, "DeviceError")) void reopen(member).catch(() => undefined);
      throw error;
    }
  }
}

async function reopen(member: Member): Promise<void> {
  try {
    await member.segmenter.restart();
    member.isLost = false;
  } catch (error) {
    member.isLost = true;
    throw error;
  }
}
