/** The strip of pictures: a thumbnail of each, and how many objects it has. */
import type { LabeledImage } from "./annotations.ts";
import { button, element } from "./element.ts";

/** Where the strip's pictures come from and go to. */
export interface StripEvents {
  /** A picture's file, or nothing when it is not here. */
  picture(id: string): Promise<Blob | undefined>;
  /** A picture is to be shown. */
  open(id: string): void;
}

const HEIGHT = 96;

/** The thumbnails, made once each. */
export class Strip {
  readonly #events: StripEvents;
  readonly #thumbnails = new Map<string, HTMLButtonElement>();

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
  }

  /** Makes a picture's thumbnail anew when it is next shown. */
  forget(id: string): void {
    this.#thumbnails.delete(id);
  }

  #thumbnail(id: string): HTMLButtonElement {
    const made = button("", "", () => this.#events.open(id));
    const picture = document.createElement("img");
    picture.alt = "";
    const count = document.createElement("span");
    count.className = "count";
    made.append(picture, count);
    void this.#address(id).then((address) => {
      if (address) picture.src = address;
    });
    return made;
  }

  /** The address of a small copy of a picture. */
  async #address(id: string): Promise<string | null> {
    const picture = await this.#events.picture(id);
    if (!picture) return null;
    const small = await createImageBitmap(picture, {
      imageOrientation: "from-image",
      resizeHeight: HEIGHT,
      resizeQuality: "medium",
    });
    const canvas = new OffscreenCanvas(small.width, small.height);
    canvas.getContext("2d")?.drawImage(small, 0, 0);
    small.close();
    return URL.createObjectURL(await canvas.convertToBlob({ type: "image/webp", quality: 0.8 }));
  }
}
