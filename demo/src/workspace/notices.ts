/** What is said to the person: messages, errors, questions, and work that can be canceled. */
import type { Observable } from "./observable.ts";
import type { Question, State } from "./state.ts";

/** Shows the progress of a task. */
export type ShowProgress = (text: string, share?: number) => void;

/** Speaks to the person through the state. */
export class Notices {
  readonly #state: Observable<State>;
  #stop: AbortController | null = null;
  #answer: ((choice: string | null) => void) | null = null;
  /** What was said last, or is to be said next. */
  #latest: symbol | null = null;

  constructor(state: Observable<State>) {
    this.#state = state;
  }

  /** Shows a message, which screen readers read out. */
  say(said: string): void {
    this.forgetLater();
    this.mention(said);
  }

  /** Shows a message; what is to be said later still is. */
  mention(said: string): void {
    // a screen reader reads what changes: the same message again differs by a blank that nobody sees
    const isAgain = said !== "" && said === this.#state.get().said;
    this.#state.update({ said: isAgain ? `${said}\u00a0` : said });
  }

  /** Lets what was to be said later go unsaid. */
  forgetLater(): void {
    this.#latest = null;
  }

  /** @returns says what was done once that is known, unless something else has been said since this call */
  later(): (said: string) => void {
    const turn = Symbol();
    this.#latest = turn;
    return (said) => {
      if (this.#latest === turn) this.say(said);
    };
  }

  /** Shows what went wrong, and what the person can do about it. */
  fail(error: unknown, advice: string): void {
    this.#state.update({ error: `${error instanceof Error ? error.message : String(error)} — ${advice}` });
  }

  /** Hides the last error. */
  forgetError(): void {
    this.#state.update({ error: null });
  }

  /** Asks the person, and waits for the answer: one of the choices of the question, or null for no. */
  ask(question: Question): Promise<string | null> {
    this.answer(null);
    this.#state.update({ question });
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** Answers the question that is shown. */
  answer(choice: string | null): void {
    const answer = this.#answer;
    this.#answer = null;
    this.#state.update({ question: null });
    answer?.(choice);
  }

  /**
   * Runs work that the person can cancel. Work before it that still runs goes on, but can no longer be canceled.
   *
   * @param advice said when it fails
   */
  async run(work: (signal: AbortSignal, show: ShowProgress) => Promise<void>, advice: string): Promise<void> {
    const controller = new AbortController();
    this.#stop = controller;
    const show: ShowProgress = (text, share) => {
      if (this.#stop === controller) this.#state.update({ task: { text, share: share ?? null } });
    };
    try {
      await work(controller.signal, show);
    } catch (error) {
      if ((error as Error).name === "AbortError") this.say("Stopped.");
      else this.fail(error, advice);
    } finally {
      if (this.#stop === controller) {
        this.#stop = null;
        this.#state.update({ task: null });
      }
    }
  }

  /** Whether there is work to cancel. */
  get isCancellable(): boolean {
    return this.#stop !== null;
  }

  /** Cancels the work that runs, if there is any. */
  cancel(): void {
    this.#stop?.abort(new DOMException("the person canceled it", "AbortError"));
    this.#stop = null;
    this.#state.update({ task: null });
  }
}
