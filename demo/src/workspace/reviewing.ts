/** Goes through what nobody has looked at, the most doubtful first, and says how far pictures are. */
import { withImage } from "../labels/annotations.ts";
import { isUnchecked, type ReviewState, reviewOf, reviewQueue } from "../labels/review.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import { OfTheSet } from "./of-the-set.ts";
import type { PictureSet } from "./picture-set.ts";
import { imageOf, objectsOf, type State } from "./state.ts";

/** The review of a set. */
export class Reviewing extends OfTheSet {
  readonly #inTurn: (act: () => void) => void;

  /** @param inTurn runs what may open another picture, once nothing waits for the model's answer */
  constructor(state: Observable<State>, notices: Notices, set: PictureSet, inTurn: (act: () => void) => void) {
    super(state, notices, set);
    this.#inTurn = inTurn;
  }

  /** Opens and selects the next object that waits to be looked at: the one after the selected, else the most doubtful. */
  next(): void {
    this.#inTurn(() => void this.#next());
  }

  async #next(): Promise<void> {
    const { project, selected } = this.state.get();
    const queue = reviewQueue(project);
    const place = queue.findIndex(({ object }) => object === selected);
    await this.#goTo(queue[(place + 1) % Math.max(queue.length, 1)], queue.length);
  }

  async #goTo(waiting: { image: string; object: string; score: number } | undefined, count: number): Promise<void> {
    if (!waiting) {
      this.notices.say("Nothing waits to be looked at.");
      return;
    }
    const isHere = waiting.image === this.state.get().current;
    if (!isHere && !(await this.set.open(waiting.image))) return;
    this.state.update({ selected: waiting.object, others: [] });
    this.notices.say(`${count} to look at; this one has score ${waiting.score.toFixed(2)}.`);
  }

  /** Agrees to the selected object, and goes to the next that waits. Several are agreed to by the selection. */
  agree(): void {
    this.#inTurn(() => void this.#agree());
  }

  async #agree(): Promise<void> {
    const { selected } = this.state.get();
    const object = objectsOf(this.state.get()).find(({ id }) => id === selected);
    if (!object || !isUnchecked(object)) return;
    const queue = reviewQueue(this.state.get().project);
    const place = queue.findIndex((each) => each.object === object.id);
    const next = queue[place + 1] ?? (place > 0 ? queue[0] : undefined);
    this.set.changeObject(object.id, { checked: true }, `Agree to ${object.className}`, "Agreed.");
    if (next) await this.#goTo(next, queue.length - 1);
  }

  /** Says how far the open picture is; saying the same again takes it back. */
  mark(wanted: Exclude<ReviewState, "to do">): void {
    const { project } = this.set;
    const { current, marks } = this.state.get();
    const image = imageOf({ project, current });
    if (!image) return;
    const review = reviewOf(image) === wanted ? undefined : wanted;
    const said = `${image.name}: ${review ?? "to do"}.`;
    this.set.edit(withImage(project, { ...image, review }), `Mark as ${review ?? "to do"}`, said, marks);
  }
}
