/** The project and its pictures, kept in this browser from one visit to the next. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { EMPTY_PROJECT, type LabeledImage, type ObjectClass, type Project } from "./annotations.ts";

interface Schema extends DBSchema {
  /** Under "classes" and "order": what does not belong to one image. */
  project: { key: string; value: readonly ObjectClass[] | readonly string[] };
  images: { key: string; value: LabeledImage };
  pictures: { key: string; value: Blob };
}

/** Saves each change as it is made; what was written is there after a crash. */
export class Store {
  readonly #database: IDBPDatabase<Schema>;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  static async open(): Promise<Store> {
    const database = await openDB<Schema>("sam2-web-labels", 1, {
      upgrade(fresh) {
        fresh.createObjectStore("project");
        fresh.createObjectStore("images");
        fresh.createObjectStore("pictures");
      },
    });
    return new Store(database);
  }

  /** What was kept. */
  async load(): Promise<Project> {
    const classes = ((await this.#database.get("project", "classes")) ??
      EMPTY_PROJECT.classes) as readonly ObjectClass[];
    const order = ((await this.#database.get("project", "order")) ?? []) as readonly string[];
    const images = await Promise.all(order.map((id) => this.#database.get("images", id)));
    return { classes, images: images.filter((image) => image !== undefined) };
  }

  /** Writes what differs from `before`, in one transaction. */
  async save(project: Project, before: Project): Promise<void> {
    const transaction = this.#database.transaction(["project", "images", "pictures"], "readwrite");
    const known = new Set(before.images);
    const images = transaction.objectStore("images");
    const ids = project.images.map(({ id }) => id);
    await Promise.all([
      transaction.objectStore("project").put(project.classes, "classes"),
      transaction.objectStore("project").put(ids, "order"),
      ...project.images.filter((image) => !known.has(image)).map((image) => images.put(image, image.id)),
      ...before.images
        .filter(({ id }) => !ids.includes(id))
        .flatMap(({ id }) => [images.delete(id), transaction.objectStore("pictures").delete(id)]),
      transaction.done,
    ]);
  }

  async savePicture(id: string, picture: Blob): Promise<void> {
    await this.#database.put("pictures", picture, id);
  }

  async picture(id: string): Promise<Blob | undefined> {
    return this.#database.get("pictures", id);
  }

  /** Bytes that this site takes on the device, where the browser tells. */
  static async used(): Promise<number | null> {
    return (await navigator.storage?.estimate?.())?.usage ?? null;
  }
}
