/** Scaled dot-product attention, in one fused operator or in plain ones. */
import type { Graph, Value } from "./graph.ts";

/**
 * The largest score matrix; queries are split to stay under it. It is well under the 128 MiB that a GPU buffer
 * binding commonly holds, and small enough for a CPU's cache during the softmax.
 */
const MAX_SCORE_BYTES = 32 * 2 ** 20;

/** Limit on the queries of one MultiHeadAttention: in WASM, 4,096 queries by 4,096 keys fail ("Integer overflow"). */
const MAX_FUSED_QUERIES = 1024;

/**
 * Limit on the keys of an attention in float16. Its result is a mean of the values: where each adds less than 1/2048 of the
 * sum so far, it adds nothing.
 */
const MAX_HALF_KEYS = 512;

/** [batch,T,heads·width] → [batch,heads,T,width]; batch and T may be free. */
function splitHeads(graph: Graph, x: Value, heads: number): Value {
  const [batch = 0, tokens = 0, channels = 0] = x.dims;
  const width = (channels as number) / heads;
  return graph.transpose(graph.reshape(x, [batch, tokens, heads, width], [0, 0, heads, width]), [0, 2, 1, 3]);
}

/** The inverse of `splitHeads`. */
export function joinHeads(graph: Graph, x: Value): Value {
  const [batch = 0, heads = 0, tokens = 0, width = 0] = x.dims;
  const channels = (heads as number) * (width as number);
  return graph.reshape(graph.transpose(x, [0, 2, 1, 3]), [batch, tokens, channels], [0, 0, channels]);
}

/** Runs `attend` over at most `limit` queries at a time and joins the results. */
function byQueries(graph: Graph, q: Value, axis: number, limit: number, attend: (some: Value) => Value): Value {
  const queries = q.dims[axis] as number;
  if (queries <= limit) return attend(q);
  const step = Math.ceil(queries / Math.ceil(queries / limit));
  const parts: Value[] = [];
  for (let start = 0; start < queries; start += step) {
    parts.push(attend(graph.slice(q, axis, start, Math.min(start + step, queries))));
  }
  return graph.concat(parts, axis);
}

/**
 * softmax(q·kᵀ)·v for every head.
 *
 * @param q [batch, queries, heads·width], already scaled by width^−½
 * @param k [batch, keys, heads·width]
 * @param v [batch, keys, heads·width]
 * @returns [batch, queries, heads·width]
 */
export function attention(graph: Graph, q: Value, k: Value, v: Value, heads: number): Value {
  const [batch = 0, keys = 0] = k.dims as number[];
  if (keys > MAX_HALF_KEYS && k.element === "half") {
    const [wideQ, wideK, wideV] = [q, k, v].map((each) => graph.cast(each, "float")) as [Value, Value, Value];
    return graph.computed(attention(graph, wideQ, wideK, wideV, heads));
  }
  if (graph.options.attention === "fused") {
    return byQueries(graph, q, 1, MAX_FUSED_QUERIES, (some) =>
      graph.node(
        "MultiHeadAttention",
        [some, k, v],
        some.dims,
        { num_heads: heads, scale: { float: 1 } },
        "com.microsoft",
      ),
    );
  }
  const across = graph.transpose(splitHeads(graph, k, heads), [0, 1, 3, 2]);
  const values = splitHeads(graph, v, heads);
  const limit = Math.max(1, Math.floor(MAX_SCORE_BYTES / (4 * batch * heads * keys)));
  const mixed = byQueries(graph, splitHeads(graph, q, heads), 2, limit, (some) =>
    graph.matmul(graph.cast(graph.softmax(graph.matmul(some, across)), some.element), values),
  );
  return joinHeads(graph, mixed);
}
