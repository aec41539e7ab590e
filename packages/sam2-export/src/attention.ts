/** Scaled dot-product attention, in one fused operator or in plain ones. */
import type { Graph, Value } from "./graph.ts";

/**
 * A score matrix may not be larger: half of what one GPU buffer binding commonly holds (128 MiB),
 * and small enough that on a CPU it need not travel to memory and back more often than it must.
 */
const MAX_SCORE_BYTES = 32 * 2 ** 20;

/** MultiHeadAttention fails in WASM over more query rows than this against 4,096 keys. */
const MAX_FUSED_QUERIES = 1024;

/**
 * softmax(q·kᵀ)·v.
 *
 * @param q [batch, heads, queries, width], already scaled by width^−½
 * @param k [batch, heads, keys, width]
 * @param v [batch, heads, keys, width]
 * @returns [batch, heads, queries, width]
 */
export function attention(graph: Graph, q: Value, k: Value, v: Value): Value {
  const [batch = 0, heads = 0, queries = 0] = q.dims as number[];
  const keys = k.dims[2] as number;
  const fits = Math.max(1, Math.floor(MAX_SCORE_BYTES / (4 * batch * heads * keys)));
  const limit = graph.options.attention === "fused" ? MAX_FUSED_QUERIES : fits;
  const step = Math.ceil(queries / Math.ceil(queries / limit));
  const across = graph.transpose(k, [0, 1, 3, 2]);
  const parts: Value[] = [];
  for (let start = 0; start < queries; start += step) {
    const some = step >= queries ? q : graph.slice(q, 2, start, Math.min(start + step, queries));
    parts.push(graph.matmul(graph.softmax(graph.matmul(some, across)), v));
  }
  return parts.length === 1 ? (parts[0] as Value) : graph.concat(parts, 2, queries);
}
