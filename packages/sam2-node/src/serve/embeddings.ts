/** `POST /v1/embeddings`: a picture's file in, its embedding's file out. */
import { isSam2Error } from "sam2-contract";
import { digest, EMBEDDING_DTYPES, type EmbeddingDtype } from "sam2-core";
import { type ByteBudget, type HeldBytes, NoRoomError } from "sam2-hosted/node";
import { embedPicture } from "../work/embed.ts";
import type { SegmenterPool } from "./pool.ts";

/** The most bytes of a picture. */
const MOST_BYTES = 64e6;

/** Options of the endpoint. */
export interface EmbeddingsOptions {
  readonly pool: SegmenterPool;
  /** Counts the bytes of pictures while they are here. */
  readonly budget: ByteBudget;
  /** Milliseconds until the answer must be there. */
  readonly timeLimit: number;
  /** What requests must bring as `Authorization: Bearer …`; nothing by default. */
  readonly token?: string | undefined;
}

/** Answers a request: `?dtype=int8` for a smaller file. */
export async function answerEmbedding(request: Request, options: EmbeddingsOptions): Promise<Response> {
  const { budget, token } = options;
  if (request.method !== "POST") return refuse(405, "expected POST", { Allow: "POST" });
  if (token !== undefined && request.headers.get("Authorization") !== `Bearer ${token}`) {
    return refuse(401, "expected the token as Authorization: Bearer");
  }
  const dtype = new URL(request.url).searchParams.get("dtype") ?? "fp16";
  if (!isDtype(dtype)) return refuse(422, `dtype: expected ${EMBEDDING_DTYPES.join(" or ")}, got ${dtype}`);
  try {
    return await budget.holding(async (held) => {
      const picture = await readPicture(request, held);
      if (!picture) return refuse(413, `expected a picture of at most ${MOST_BYTES} bytes, got more`);
      return embed(picture, dtype, request.signal, options);
    });
  } catch (error) {
    if (error instanceof NoRoomError) return refuse(429, error.message, { "Retry-After": "1" });
    throw error;
  }
}

async function embed(
  picture: Blob,
  dtype: EmbeddingDtype,
  asked: AbortSignal,
  { pool, timeLimit }: EmbeddingsOptions,
): Promise<Response> {
  const late = AbortSignal.timeout(timeLimit);
  const signal = AbortSignal.any([asked, late]);
  try {
    const { bytes } = await pool.borrow((segmenter) => embedPicture(segmenter, picture, { signal, dtype }), { signal });
    const headers = {
      "Content-Type": "application/octet-stream",
      ETag: `"${await digest(bytes)}"`,
    };
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers });
  } catch (error) {
    if (isSam2Error(error, "InvalidImageError")) return refuse(400, error.message);
    if (late.aborted) return refuse(504, `expected an answer within ${timeLimit} ms, got none`);
    throw error;
  }
}

function isDtype(dtype: string): dtype is EmbeddingDtype {
  return EMBEDDING_DTYPES.includes(dtype as EmbeddingDtype);
}

function refuse(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json({ detail }, { status, headers });
}

/** The file that a request brings; null where it is longer than a picture may be. */
async function readPicture({ body }: Request, held: HeldBytes): Promise<Blob | null> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > MOST_BYTES) return null;
    held.take(part.length);
    parts.push(part as Uint8Array<ArrayBuffer>);
  }
  return new Blob(parts);
}
