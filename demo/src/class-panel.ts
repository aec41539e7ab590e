/** The panel's classes: chooses the class of the next object; adds, renames, recolors and deletes classes. */

import { element } from "./element.ts";
import type { ObjectClass } from "./labels/annotations.ts";

/** Called by the panel. */
export interface ClassPanelEvents {
  /** A class of that name is wanted. */
  add(name: string): void;
  /** A class is to have another name, which may be that of another class. */
  rename(from: string, to: string): void;
  /** A class is to have another color, #rrggbb. */
  recolor(name: string, color: string): void;
  /** A class is to go. */
  delete(name: string): void;
}

/** Shows the classes, and knows which one is chosen. */
export class ClassPanel {
  readonly #choice = element<HTMLSelectElement>("class-choice");
  readonly #color = element<HTMLInputElement>("class-color");
  readonly #name = element<HTMLInputElement>("new-class-name");
  #classes: readonly ObjectClass[] = [];
  /** The class that is being made. */
  #wanted: string | null = null;

  constructor(events: ClassPanelEvents) {
    element<HTMLFormElement>("new-class").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#named((name) => events.add(name));
    });
    element("rename-class").addEventListener("click", () => this.#named((name) => events.rename(this.chosen, name)));
    element("delete-class").addEventListener("click", () => events.delete(this.chosen));
    this.#choice.addEventListener("change", () => this.#showColor());
    this.#color.addEventListener("change", () => events.recolor(this.chosen, this.#color.value));
  }

  /** Name of the class that the next object gets. */
  get chosen(): string {
    return this.#choice.value;
  }

  /** Chooses the n-th class, from 0, if there are as many. */
  choose(index: number): void {
    if (index < this.#classes.length) this.#choice.selectedIndex = index;
    this.#showColor();
  }

  /** Shows these classes; the chosen one stays chosen if it is among them. */
  show(classes: readonly ObjectClass[]): void {
    const chosen = this.#wanted ?? this.chosen;
    this.#classes = classes;
    this.#choice.replaceChildren(...classes.map(({ name }) => new Option(name, name)));
    if (classes.some(({ name }) => name === chosen)) this.#choice.value = chosen;
    element<HTMLButtonElement>("delete-class").disabled = classes.length < 2;
    this.#showColor();
  }

  /** Calls `act` with the typed name; the class of that name becomes the chosen one. */
  #named(act: (name: string) => void): void {
    const name = this.#name.value.trim();
    this.#name.value = "";
    if (name === "") {
      this.#name.focus();
      return;
    }
    this.#wanted = name;
    act(name);
    this.#wanted = null;
  }

  #showColor(): void {
    this.#color.value = this.#classes.find(({ name }) => name === this.chosen)?.color ?? "#1d6ed8";
  }
}
