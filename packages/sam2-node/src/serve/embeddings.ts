/** `POST /v1/embeddings`: a picture's file in, its embedding's file out. */
import { isSam2Error } from "sam2-contract";
import { digest, EMBEDDING_DTYPES, type EmbeddingDtype } from "sam2-core";
import { embedPicture } from "../work/embed.ts";
import type { SegmenterPool } from "./pool.ts";

/** The most bytes of a picture. */
const MOST_BYTES = 64e6;

/** Options of the endpoint. */
export interface EmbeddingsOptions {
  readonly pool: SegmenterPool;
  /** Milliseconds until the answer must be there. */
  readonly timeLimit: number;
  /** What requests must bring as `Authorization: Bearer …`; nothing by default. */
  readonly token?: string | undefined;
}

/** Answers a request: `?dtype=int8` for a smaller file. */
export async function answerEmbedding(request: Request, options: EmbeddingsOptions): Promise<Response> {
  const { pool, timeLimit, token } = options;
  const refuse = (status: number, detail: string): Response => Response.json({ detail }, { status });
  if (request.method !== "POST") {
    return Response.json({ detail: "expected POST" }, { status: 405, headers: { Allow: "POST" } });
  }
  if (token !== undefined && request.headers.get("Authorization") !== `Bearer ${token}`) {
    return refuse(401, "expected the token as Authorization: Bearer");
  }
  const dtype = new URL(request.url).searchParams.get("dtype") ?? "fp16";
  if (!EMBEDDING_DTYPES.includes(dtype as EmbeddingDtype)) {
    return refuse(422, `dtype: expected ${EMBEDDING_DTYPES.join(" or ")}, got ${dtype}`);
  }
  const picture = await readUpTo(request, MOST_BYTES);
  if (!picture) return refuse(413, `expected a picture of at most ${MOST_BYTES} bytes, got more`);
  const late = AbortSignal.timeout(timeLimit);
  const signal = AbortSignal.any([request.signal, late]);
  try {
    const { bytes } = await pool.borrow(
      (segmenter) => embedPicture(segmenter, picture, { signal, dtype: dtype as EmbeddingDtype }),
      { signal },
    );
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

/** A body; null where it is longer. */
async function readUpTo({ body }: Request, limit: number): Promise<Blob | null> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > limit) return null;
    parts.push(part as Uint8Array<ArrayBuffer>);
  }
  return new Blob(parts);
}
