/** The worker: exposes what the page may call, and nothing else. */
import * as Comlink from "comlink";
import { ModelWorker, type WorkerPlatform } from "sam2-core";
import { BitmapPicture } from "./image/bitmap.ts";
import { decodeImage, fileOf, type TransferableImage } from "./image/source.ts";
import { openDecoder, openSessions } from "./runtime/device.ts";
import type { DeviceInfo, OrtSessions } from "./runtime/sessions.ts";
import { openCache } from "./storage/store.ts";

const platform: WorkerPlatform<TransferableImage, DeviceInfo, OrtSessions> = {
  openCache,
  localSource: async (source) => source,
  openSessions,
  openDecoder,
  fileOf,
  openPath: async () => null,
  async decode(source, maxPixels, sessions) {
    return new BitmapPicture(await decodeImage(source, maxPixels), (task) => sessions().onGpu(task));
  },
};

/** The functions that the page may call. */
export class PageWorker extends ModelWorker<TransferableImage, DeviceInfo> {
  /** Takes a lock and holds it until the worker ends; resolves once it is held. */
  holdLock(name: string): Promise<void> {
    return new Promise((held, failed) => {
      const forever = (): Promise<never> => {
        held();
        return new Promise(() => undefined);
      };
      navigator.locks.request(name, forever).catch(failed);
    });
  }
}

Comlink.expose(new PageWorker(platform));
