/** The queues in Redis: each model has one of its own, so that no worker takes a picture that it cannot do. */
import { Queue } from "bullmq";
import { type PictureDone, type PictureJob, queueOf } from "./job.ts";

/** Pictures in a queue, by state. */
export type Lengths = Readonly<Record<string, number>>;

/** A queue of pictures. */
type PictureQueue = Queue<PictureJob, PictureDone>;

/** The one queue that releases up to 0.2 have for all models: what they left there waits for their workers. */
const EARLIER = "sam2";

/** Where Redis has the names of all queues: under BullMQ's prefix, since a Redis user may be allowed no other keys. */
const NAMES = "bull:sam2-queues";

/** A model's queue, and the others beside it. */
export class Queues {
  /** The model's own. */
  readonly own: PictureQueue;
  readonly #others = new Map<string, Promise<PictureQueue>>();

  /**
   * @param connection BullMQ's options of a connection
   * @param onError told when Redis is lost
   */
  constructor(connection: object, model: string, onError: (error: Error) => void) {
    this.own = new Queue(queueOf(model), { connection });
    this.own.on("error", onError);
  }

  /** Puts the own queue's name among those that `lengths` finds. */
  async note(): Promise<void> {
    await (await this.own.getBackend().client).hset(NAMES, { [this.own.name]: "" });
  }

  /** How many pictures are in the own queue, and in each other that has any, by its name. */
  async lengths(): Promise<Map<string, Lengths>> {
    const found = new Map<string, Lengths>();
    for (const queue of [this.own, ...(await this.#listed())]) {
      const lengths = await queue.getJobCounts("waiting", "active", "delayed", "failed");
      if (queue === this.own || Object.values(lengths).some((length) => length > 0)) found.set(queue.name, lengths);
    }
    return found;
  }

  /** How many pictures wait in each other queue that no worker takes them from, by its name. */
  async untaken(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const queue of await this.#listed()) {
      const waiting = await queue.getJobCountByTypes("waiting", "active", "delayed");
      if (waiting > 0 && !(await isTaken(queue))) found.set(queue.name, waiting);
    }
    return found;
  }

  /** Takes a job out of the queue that earlier releases have, unless a worker of theirs has it. */
  async removeEarlier(id: string): Promise<void> {
    await (await this.#open(EARLIER)).remove(id);
  }

  async close(): Promise<void> {
    // the others use its connection
    await this.own.close();
  }

  async #listed(): Promise<PictureQueue[]> {
    const names = Object.keys(await (await this.own.getBackend().client).hgetall(NAMES));
    return Promise.all([EARLIER, ...names].filter((name) => name !== this.own.name).map((name) => this.#open(name)));
  }

  #open(name: string): Promise<PictureQueue> {
    const queue = this.#others.get(name) ?? this.#beside(name);
    this.#others.set(name, queue);
    return queue;
  }

  /** A queue over the own one's connection. */
  async #beside(name: string): Promise<PictureQueue> {
    const connection = await this.own.getBackend().client;
    const queue: PictureQueue = new Queue(name, { connection, skipMetasUpdate: true });
    // the own queue tells
    queue.on("error", () => undefined);
    return queue;
  }
}

/** Whether any worker takes pictures from a queue; also where Redis does not let its clients be listed. */
export async function isTaken(queue: PictureQueue): Promise<boolean> {
  const workers = await queue.getWorkersCount().catch(() => null);
  return workers !== 0;
}
