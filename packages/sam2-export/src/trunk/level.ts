/** A level of the feature pyramid that a trunk makes of the image. */
import type { Graph, Value } from "../graph.ts";
import { type Linear, reshaped } from "../weights.ts";

/** One level of the pyramid. Trunks keep levels in different layouts; `project` hides that. */
export interface Level {
  /** Applies a linear layer [out,channels] at every place, as a 1×1 convolution; returns [1,out,side,side]. */
  project(layer: Linear): Value;
}

/** The level that is a map [1,channels,side,side]. */
export function mapLevel(graph: Graph, map: Value): Level {
  const channels = map.dims[1] as number;
  return {
    project: ({ weight, bias }) => {
      const outputs = weight.dims[0] as number;
      return graph.conv(map, graph.matrix(reshaped(weight, [outputs, channels, 1, 1])), graph.constant(bias));
    },
  };
}
