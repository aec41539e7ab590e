/** Shows the picture, the mask and the marks; zooms and pans. Mask edges are drawn at screen resolution. */
import { maskColor } from "sam2-web";
import type { DrawnObject } from "./label.ts";
import type { Stroke } from "./labels/touch-up.ts";
import type { Box, Marks } from "./prompts.ts";

/** Low-resolution logits [side,side]. */
export interface MaskLogits {
  readonly data: Float32Array;
  readonly side: number;
}

/** What is shown over the picture. */
export interface Shown {
  readonly mask: MaskLogits | null;
  /** Objects that were kept, under the mask. */
  readonly objects: readonly DrawnObject[];
  /** Whether the mask is a preview under the pointer, which is drawn paler. */
  readonly preview: boolean;
  readonly marks: Marks;
  readonly rubberBand: Box | null;
  /** Opacity of the masks, 0 to 1. */
  readonly opacity: number;
  /** The brush stroke that is being drawn. */
  readonly stroke: Stroke | null;
  readonly crosshair: { readonly x: number; readonly y: number } | null;
}

const MIN_ZOOM = 0.05;
const MAX_ZOOM = 32;

/** Draws on a canvas that fills its parent. */
export class View {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #picture: ImageBitmap | null = null;
  #shown: Shown = {
    mask: null,
    objects: [],
    preview: false,
    marks: { points: [], box: null },
    rubberBand: null,
    opacity: 0.45,
    stroke: null,
    crosshair: null,
  };
  /** Screen pixels per picture pixel, and where the picture's corner is. */
  #scale = 1;
  #left = 0;
  #top = 0;
  /** Whether the picture is fitted to the canvas, and stays so when the canvas is resized. */
  #fitted = true;
  #scheduled = false;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser has no canvas");
    this.#context = context;
    new ResizeObserver(() => {
      this.#resize();
    }).observe(canvas);
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const [before, ratio] = [{ width: this.#canvas.width, height: this.#canvas.height }, devicePixelRatio];
    this.#canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.#canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    if (this.#fitted) {
      this.#center();
    } else {
      // what was in the middle stays there
      this.#left += (this.#canvas.width - before.width) / 2;
      this.#top += (this.#canvas.height - before.height) / 2;
    }
    // resizing clears the canvas; paint now, so that it does not flicker
    this.#paint();
  }

  show(picture: ImageBitmap | null): void {
    this.#picture?.close();
    this.#picture = picture;
    this.fit();
  }

  update(shown: Partial<Shown>): void {
    this.#shown = { ...this.#shown, ...shown };
    this.#draw();
  }

  /** Shows the whole picture, centered. */
  fit(): void {
    this.#fitted = true;
    this.#center();
    this.#draw();
  }

  #center(): void {
    const { width, height } = this.#canvas;
    if (!this.#picture) return;
    this.#scale = Math.min(width / this.#picture.width, height / this.#picture.height) * 0.98;
    this.#left = (width - this.#picture.width * this.#scale) / 2;
    this.#top = (height - this.#picture.height * this.#scale) / 2;
  }

  /** Shows one picture pixel as one screen pixel. */
  actual(): void {
    this.zoom(1 / this.#scale);
  }

  /** Zooms by a factor about a point of the canvas in CSS pixels, its middle by default. */
  zoom(factor: number, x = this.#canvas.clientWidth / 2, y = this.#canvas.clientHeight / 2): void {
    const scale = Math.min(Math.max(this.#scale * factor, MIN_ZOOM), MAX_ZOOM);
    const applied = scale / this.#scale;
    const [px, py] = [x * devicePixelRatio, y * devicePixelRatio];
    this.#left = px - (px - this.#left) * applied;
    this.#top = py - (py - this.#top) * applied;
    this.#scale = scale;
    this.#fitted = false;
    this.#draw();
  }

  /** Moves the picture by CSS pixels. */
  pan(dx: number, dy: number): void {
    this.#left += dx * devicePixelRatio;
    this.#top += dy * devicePixelRatio;
    this.#fitted = false;
    this.#draw();
  }

  /** CSS pixels on the canvas → pixels of the picture. */
  toPicture(x: number, y: number): { x: number; y: number } {
    return {
      x: (x * devicePixelRatio - this.#left) / this.#scale,
      y: (y * devicePixelRatio - this.#top) / this.#scale,
    };
  }

  #draw(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#paint();
    });
  }

  #paint(): void {
    const context = this.#context;
    const picture = this.#picture;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (!picture) return;
    context.imageSmoothingEnabled = this.#scale < 2;
    context.drawImage(picture, this.#left, this.#top, picture.width * this.#scale, picture.height * this.#scale);
    this.#paintObjects();
    if (this.#shown.mask) this.#paintMask(this.#shown.mask, picture);
    this.#paintMarks();
  }

  #paintObjects(): void {
    const context = this.#context;
    context.save();
    context.setTransform(this.#scale, 0, 0, this.#scale, this.#left, this.#top);
    for (const { path, color, emphasized } of this.#shown.objects) {
      context.fillStyle = color;
      context.strokeStyle = color;
      context.globalAlpha = Math.min(1, (emphasized ? 1.5 : 0.8) * this.#shown.opacity);
      context.fill(path, "evenodd");
      context.globalAlpha = 1;
      context.lineWidth = ((emphasized ? 3 : 1.5) * devicePixelRatio) / this.#scale;
      context.stroke(path);
    }
    this.#paintStroke();
    context.restore();
  }

  #paintStroke(): void {
    const { stroke } = this.#shown;
    if (!stroke) return;
    const context = this.#context;
    context.globalAlpha = 0.6;
    context.strokeStyle = stroke.erase ? "#ffffff" : "#1d4ed8";
    context.lineWidth = 2 * stroke.radius;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (const { x, y } of stroke.points) context.lineTo(x, y);
    context.stroke();
  }

  /** Samples the logits at every screen pixel that shows the picture, so that the edge is crisp at any zoom. */
  #paintMask({ data, side }: MaskLogits, picture: ImageBitmap): void {
    const left = Math.max(0, Math.floor(this.#left));
    const top = Math.max(0, Math.floor(this.#top));
    const right = Math.min(this.#canvas.width, Math.ceil(this.#left + picture.width * this.#scale));
    const bottom = Math.min(this.#canvas.height, Math.ceil(this.#top + picture.height * this.#scale));
    const [width, height] = [right - left, bottom - top];
    if (width <= 0 || height <= 0) return;
    const inside = new Uint8Array(width * height);
    const at = (screen: number, corner: number, extent: number): number =>
      Math.min(Math.max(((screen + 0.5 - corner) / (extent * this.#scale)) * side - 0.5, 0), side - 1);
    const columns = Float32Array.from({ length: width }, (_, x) => at(left + x, this.#left, picture.width));
    const row = new Float32Array(side + 1);
    for (let y = 0; y < height; y++) {
      const center = at(top + y, this.#top, picture.height);
      const low = Math.floor(center);
      const high = Math.min(low + 1, side - 1);
      for (let x = 0; x < side; x++) {
        const a = data[low * side + x] as number;
        row[x] = a + ((data[high * side + x] as number) - a) * (center - low);
      }
      row[side] = row[side - 1] as number;
      for (let x = 0; x < width; x++) {
        const column = columns[x] as number;
        const i = column | 0;
        const a = row[i] as number;
        if (a + ((row[i + 1] as number) - a) * (column - i) > 0) inside[y * width + x] = 1;
      }
    }
    const image = this.#context.getImageData(left, top, width, height);
    this.#tint(image.data, inside, width, height);
    this.#context.putImageData(image, left, top);
  }

  #tint(pixels: Uint8ClampedArray, inside: Uint8Array, width: number, height: number): void {
    const color = maskColor(0);
    const fill = (this.#shown.preview ? 0.55 : 1) * this.#shown.opacity;
    const edge = this.#shown.preview ? 1 : Math.max(1, Math.round(1.5 * devicePixelRatio));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = y * width + x;
        if (inside[at] === 0) continue;
        const inner =
          (x < edge || inside[at - edge] === 1) &&
          (x >= width - edge || inside[at + edge] === 1) &&
          (y < edge || inside[at - edge * width] === 1) &&
          (y >= height - edge || inside[at + edge * width] === 1);
        const share = inner ? fill : 1;
        for (let c = 0; c < 3; c++) {
          pixels[4 * at + c] = (pixels[4 * at + c] as number) * (1 - share) + (color[c] as number) * share;
        }
      }
    }
  }

  #paintMarks(): void {
    const context = this.#context;
    const unit = devicePixelRatio;
    const { marks, rubberBand, crosshair } = this.#shown;
    const place = (x: number, y: number): [number, number] => [
      this.#left + x * this.#scale,
      this.#top + y * this.#scale,
    ];
    for (const box of [marks.box, rubberBand]) {
      if (!box) continue;
      const [x1, y1] = place(box[0], box[1]);
      const [x2, y2] = place(box[2], box[3]);
      for (const [color, width] of [
        ["#ffffff", 4],
        ["#1d4ed8", 2],
      ] as const) {
        context.strokeStyle = color;
        context.lineWidth = width * unit;
        context.strokeRect(x1, y1, x2 - x1, y2 - y1);
      }
    }
    for (const { x, y, positive } of marks.points) {
      const [px, py] = place(x, y);
      context.beginPath();
      context.arc(px, py, 7 * unit, 0, 2 * Math.PI);
      context.fillStyle = positive ? "#15803d" : "#b91c1c";
      context.fill();
      context.lineWidth = 2 * unit;
      context.strokeStyle = "#ffffff";
      context.stroke();
      // draw plus or minus, since not everyone can tell the colors apart
      context.fillStyle = "#ffffff";
      context.fillRect(px - 3.5 * unit, py - unit * 0.75, 7 * unit, 1.5 * unit);
      if (positive) context.fillRect(px - unit * 0.75, py - 3.5 * unit, 1.5 * unit, 7 * unit);
    }
    if (crosshair) {
      const [px, py] = place(crosshair.x, crosshair.y);
      for (const [color, width] of [
        ["#000000", 3],
        ["#ffffff", 1],
      ] as const) {
        context.strokeStyle = color;
        context.lineWidth = width * unit;
        context.beginPath();
        context.moveTo(px - 14 * unit, py);
        context.lineTo(px + 14 * unit, py);
        context.moveTo(px, py - 14 * unit);
        context.lineTo(px, py + 14 * unit);
        context.stroke();
      }
    }
  }
}
