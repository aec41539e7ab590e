/** The worker thread: answers the segmenter, and nothing else. */
import { parentPort } from "node:worker_threads";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { ModelCache, ModelWorker, type WorkerPlatform } from "sam2-core";
import { PixelPicture } from "./image/pixel-picture.ts";
import { decodeImage, fileOf, type TransferableImage } from "./image/source.ts";
import { localSource } from "./model/source.ts";
import { openDecoder, openSessions } from "./runtime/device.ts";
import type { DeviceInfo, OrtSessions } from "./runtime/sessions.ts";
import { cacheFolder, FolderStore } from "./storage/folder-store.ts";
import { openPath } from "./storage/paths.ts";

const cache = new ModelCache(new FolderStore(cacheFolder()));

const platform: WorkerPlatform<TransferableImage, DeviceInfo, OrtSessions> = {
  openCache: async () => cache,
  localSource,
  openSessions,
  openDecoder,
  fileOf,
  openPath,
  decode: async (source, maxPixels) => new PixelPicture(await decodeImage(source, maxPixels)),
};

if (!parentPort) throw new Error("this script runs in a worker thread");
Comlink.expose(new ModelWorker(platform), nodeEndpoint(parentPort));
