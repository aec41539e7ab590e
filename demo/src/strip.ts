/** The strip of pictures: a thumbnail of each, and how many objects it has. */

import { button, element } from "./element.ts";
import type { LabeledImage } from "./labels/annotations.ts";

/** Called by the strip. */
export interface StripEvents {
  /** A picture's file, or nothing when it is not here. */
  picture(id: string): Promise<Blob | undefined>;
  /** A picture is to be shown. */
  open(id: string): void;
}

const HEIGHT = 96;

/** The thumbnails. Each is drawn when it first comes into view, since decoding many large pictures takes long. */
export class Strip {
  readonly #events: StripEvents;
  readonly #thumbnails = new Map<string, HTMLButtonElement>();
  readonly #observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) void this.#draw(target as HTMLElement);
  });

  #current: string | null = null;

  constructor(events: StripEvents) {
    this.#events = events;
  }

  /** Shows these pictures, `current` marked among them. */
  show(images: readonly LabeledImage[], current: string | null): void {
    const strip = element("strip");
    strip.hidden = images.length === 0;
    strip.replaceChildren(
      ...images.map(({ id, name, objects: { length: count } }) => {
        const made = this.#thumbnails.get(id) ?? this.#thumbnail(id);
        this.#thumbnails.set(id, made);
        made.ariaCurrent = String(id === current);
        made.title = name;
        made.ariaLabel = `${name}, ${count} ${count === 1 ? "object" : "objects"}`;
        (made.querySelector(".count") as HTMLElement).textContent = count > 0 ? String(count) : "";
        return made;
      }),
    );
    if (current !== this.#current) bringIntoView(strip, this.#thumbnails.get(current ?? ""));
    this.#current = current;
  }

  /** Makes a picture's thumbnail anew when it is next shown. */
  forget(id: string): void {
    const made = this.#thumbnails.get(id);
    if (made) this.#observer.unobserve(made);
    this.#thumbnails.delete(id);
  }

  #thumbnail(id: string): HTMLButtonElement {
    const made = button("", "", () => this.#events.open(id));
    const picture = document.createElement("img");
    picture.alt = "";
    const count = document.createElement("span");
    count.className = "count";
    made.append(picture, count);
    made.dataset.image = id;
    this.#observer.observe(made);
    return made;
  }

  async #draw(thumbnail: HTMLElement): Promise<void> {
    this.#observer.unobserve(thumbnail);
    const picture = await this.#events.picture(thumbnail.dataset.image as string);
    if (!picture) return;
    const small = await createImageBitmap(picture, {
      imageOrientation: "from-image",
      resizeHeight: HEIGHT,
      resizeQuality: "medium",
    });
    const canvas = new OffscreenCanvas(small.width, small.height);
    canvas.getContext("2d")?.drawImage(small, 0, 0);
    small.close();
    const address = URL.createObjectURL(await canvas.convertToBlob({ type: "image/webp", quality: 0.8 }));
    (thumbnail.querySelector("img") as HTMLImageElement).src = address;
  }
}

/** Scrolls the strip alone; `scrollIntoView` would scroll the page of a phone, too. */
function bringIntoView(strip: HTMLElement, thumbnail: HTMLElement | undefined): void {
  if (!thumbnail) return;
  const [frame, box] = [strip.getBoundingClientRect(), thumbnail.getBoundingClientRect()];
  if (box.left >= frame.left && box.right <= frame.right) return;
  strip.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
}
