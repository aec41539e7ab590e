/** The project and its pictures, kept in this browser from one visit to the next. */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { v4 as randomId } from "uuid";
import { EMPTY_PROJECT, type LabeledImage, type ObjectClass, type Project, withClassesOf } from "./annotations.ts";

interface Schema extends DBSchema {
  /** Under "classes" and "order": what does not belong to one image; under "revision": a name of the last change. */
  project: { key: string; value: readonly ObjectClass[] | readonly string[] | string };
  images: { key: string; value: LabeledImage };
  pictures: { key: string; value: Blob };
}

/** Saves each change as it is made; what was written is there after a crash. */
export class Store {
  readonly #database: IDBPDatabase<Schema>;
  /** What is in the database, as far as this tab knows. */
  #revision: unknown;

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
    this.#revision = await this.#database.get("project", "revision");
    const project: Project = { classes, images: images.filter((image) => image !== undefined) };
    // one tab may have labeled with a class that another renamed in the meantime
    return project.images.reduce((before, { objects }) => withClassesOf(before, objects), project);
  }

  /** Whether another tab has saved something since this one loaded or saved. */
  async isChangedElsewhere(): Promise<boolean> {
    return (await this.#database.get("project", "revision")) !== this.#revision;
  }

  /** Writes what differs from `before`, in one transaction; what another tab has written beside it stays. */
  async save(project: Project, before: Project): Promise<void> {
    const transaction = this.#database.transaction(["project", "images", "pictures"], "readwrite");
    const shared = transaction.objectStore("project");
    const images = transaction.objectStore("images");
    const classes = ((await shared.get("classes")) ?? before.classes) as readonly ObjectClass[];
    const order = ((await shared.get("order")) ?? []) as readonly string[];
    const revision = await shared.get("revision");
    const changed = project.images.filter((image) => !before.images.includes(image));
    const left = new Set(project.images.map(({ id }) => id));
    const gone = before.images.map(({ id }) => id).filter((id) => !left.has(id));
    const ids = new Set([...order, ...changed.map(({ id }) => id)]);
    for (const id of gone) ids.delete(id);
    const next = randomId();
    await Promise.all([
      shared.put(withChanges(classes, before.classes, project.classes), "classes"),
      shared.put([...ids], "order"),
      shared.put(next, "revision"),
      ...changed.map((image) => images.put(image, image.id)),
      ...gone.flatMap((id) => [images.delete(id), transaction.objectStore("pictures").delete(id)]),
      transaction.done,
    ]);
    // after another tab's changes, this one has still to catch up
    if (revision === this.#revision) this.#revision = next;
  }

  async savePicture(id: string, picture: Blob): Promise<void> {
    await this.#database.put("pictures", picture, id);
  }

  async picture(id: string): Promise<Blob | undefined> {
    return this.#database.get("pictures", id);
  }

  /** Of which images the pictures are here. */
  async pictureIds(): Promise<ReadonlySet<string>> {
    return new Set(await this.#database.getAllKeys("pictures"));
  }

  /** Asks the browser not to clear what is kept when it needs room; some browsers ask the person. */
  static async protect(): Promise<void> {
    if (await navigator.storage?.persisted?.()) return;
    await navigator.storage?.persist?.();
  }

  /** Bytes that this site takes on the device, where the browser tells. */
  static async used(): Promise<number | null> {
    return (await navigator.storage?.estimate?.())?.usage ?? null;
  }
}

/** The classes with what has changed from `before` to `now`, and with what another tab has changed beside it. */
function withChanges(
  kept: readonly ObjectClass[],
  before: readonly ObjectClass[],
  now: readonly ObjectClass[],
): ObjectClass[] {
  const names = (classes: readonly ObjectClass[]): string[] => classes.map(({ name }) => name);
  const [namesKept, namesBefore, namesNow] = [names(kept), names(before), names(now)];
  const isNew = ({ name }: ObjectClass): boolean => !namesKept.includes(name) && !namesBefore.includes(name);
  const isGone = ({ name }: ObjectClass): boolean => namesBefore.includes(name) && !namesNow.includes(name);
  const sameElsewhere = namesKept.join("\n") === namesBefore.join("\n");
  const order = sameElsewhere ? now : [...kept.filter((each) => !isGone(each)), ...now.filter(isNew)];
  const changed = now.filter((each) => !before.includes(each));
  return order.map((each) => [...changed, ...kept].find(({ name }) => name === each.name) ?? each);
}
