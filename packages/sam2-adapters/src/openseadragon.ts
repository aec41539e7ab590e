/** OpenSeadragon: clicks segment what is in view, at the resolution in view; masks stay where they are on the image. */
import OpenSeadragon from "openseadragon";
import {
  maskToPolygons,
  type Polygon,
  polygonsToPath,
  type Ring,
  type Segmenter,
  type SegmenterImage,
  type SegmentResult,
} from "sam2-web";
import { Clicks } from "./clicks.ts";

const SVG = "http://www.w3.org/2000/svg";

/** A mask on the image. */
export interface RegionMask {
  /** Pixels of the whole image, at its full size. */
  readonly polygons: readonly Polygon[];
  /** The answer, in pixels of what was in view. Its `cutout()` is to be called before the view moves. */
  readonly result: SegmentResult;
}

/** What was in view, and its encoding. */
interface Region {
  readonly view: ImageBitmap;
  readonly image: SegmenterImage;
}

/** Options of `segmentRegions`. */
export interface RegionOptions {
  /** Answers the clicks; stays yours. */
  readonly segmenter: Segmenter;
  /** CSS color of the mask. */
  readonly color?: string | undefined;
  /** Called when a mask is shown. */
  readonly onMask?: ((mask: RegionMask) => void) | undefined;
  /** Called where a click could not be answered. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** What `segmentRegions` gives. */
export interface RegionOverlay {
  /** Takes the mask away. */
  clear(): void;
  /** Takes the overlay away, and stops listening. */
  destroy(): void;
}

/**
 * Lets clicks on a viewer segment the region in view; zoom in, and small things become large. Shift adds a point to the
 * object, Alt takes from it. The region is encoded by the first click in it. Tiles of other sites need
 * `crossOriginPolicy: "Anonymous"`, since the browser gives no pixels otherwise.
 *
 * @param viewer with one image open; not flipped
 *
 * @example
 * ```ts
 * import OpenSeadragon from "openseadragon";
 *
 * const viewer = OpenSeadragon({ id: "viewer", tileSources: image_url });
 * const overlay = segmentRegions(viewer, { segmenter, onMask: ({ polygons }) => console.info(polygons) });
 * ```
 */
export function segmentRegions(viewer: OpenSeadragon.Viewer, options: RegionOptions): RegionOverlay {
  const { segmenter, color = "#1d4ed8", onMask, onError } = options;
  const svg = document.createElementNS(SVG, "svg");
  Object.assign(svg.style, { position: "absolute", inset: "0", width: "100%", height: "100%", pointerEvents: "none" });
  const path = document.createElementNS(SVG, "path");
  const style = { fill: color, stroke: color, "fill-opacity": "0.45", "fill-rule": "evenodd", "stroke-width": "2" };
  for (const [name, value] of Object.entries(style)) path.setAttribute(name, value);
  path.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(path);
  viewer.canvas.append(svg);

  const clicks = new Clicks();
  const ended = new AbortController();
  let region: Promise<Region> | null = null;

  /** Encodes what is in view, as it was drawn. */
  const encode = async (): Promise<Region> => {
    const view = await createImageBitmap((viewer.drawer as unknown as { readonly canvas: HTMLCanvasElement }).canvas);
    try {
      return { view, image: await segmenter.setImage(view, { signal: ended.signal }) };
    } catch (error) {
      view.close();
      throw error;
    }
  };
  const forget = (): void => {
    const old = region;
    region = null;
    clicks.forget();
    old
      ?.then(({ view, image }) => {
        view.close();
        return image.release();
      })
      .catch(() => undefined);
  };
  /** Keeps the mask where it is on the image. */
  const follow = (): void => {
    const item = viewer.world.getItemAt(0);
    if (!item) return;
    const at = (x: number, y: number): OpenSeadragon.Point =>
      item.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
    const [o, x, y] = [at(0, 0), at(1, 0), at(0, 1)];
    path.setAttribute("transform", `matrix(${x.x - o.x} ${x.y - o.y} ${y.x - o.x} ${y.y - o.y} ${o.x} ${o.y})`);
  };

  const click = async (
    asked: Promise<Region>,
    { position, originalEvent }: OpenSeadragon.CanvasClickEvent,
  ): Promise<void> => {
    const { clientWidth, clientHeight } = viewer.canvas;
    const { image } = await asked;
    if (asked !== region) return;
    const [fx, fy] = [image.width / clientWidth, image.height / clientHeight];
    const { prompt } = clicks.add(position.x * fx, position.y * fy, originalEvent as MouseEvent);
    const result = await segmenter.segment({ image, ...prompt }, { signal: ended.signal });
    const item = viewer.world.getItemAt(0);
    if (asked !== region || !item) return;
    const place = (x: number, y: number): OpenSeadragon.Point =>
      item.viewerElementToImageCoordinates(new OpenSeadragon.Point(x / fx, y / fy));
    const onImage = (ring: Ring): Ring => ring.map(([x, y]) => [place(x, y).x, place(x, y).y]);
    const pieces = maskToPolygons(result.mask(), { tolerance: 0.5 });
    const polygons = pieces.map(({ outer, holes }) => ({ outer: onImage(outer), holes: holes.map(onImage) }));
    path.setAttribute("d", polygonsToPath(polygons));
    follow();
    onMask?.({ polygons, result });
  };
  const listener = (event: OpenSeadragon.CanvasClickEvent): void => {
    if (!event.quick) return;
    event.preventDefaultAction = true;
    region ??= encode();
    const asked = region;
    click(asked, event).catch((error: Error) => {
      // the next click begins anew
      if (asked === region) forget();
      if (error.name !== "AbortError") onError?.(error);
    });
  };

  viewer.addHandler("canvas-click", listener);
  viewer.addHandler("viewport-change", forget);
  viewer.addHandler("update-viewport", follow);
  const clear = (): void => path.removeAttribute("d");
  const destroy = (): void => {
    viewer.removeHandler("canvas-click", listener);
    viewer.removeHandler("viewport-change", forget);
    viewer.removeHandler("update-viewport", follow);
    forget();
    ended.abort();
    svg.remove();
  };
  return { clear, destroy };
}
