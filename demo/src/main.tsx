/** Starts the page: the workspace, what it needs of the browser, and what is shown of it. */

import { createRoot } from "react-dom/client";
import type { PictureView } from "sam2-canvas";
import { sam2Mini } from "sam2-mini";
import { CATALOG, createSegmenter } from "sam2-web";
import { readLabels, readPictures, readProjectFile, writeProject, writeProjectFile } from "./formats/off-thread.ts";
import { decodePicture } from "./formats/picture.ts";
import { workOffline } from "./offline.ts";
import { App } from "./panels/app.tsx";
import { commandsOf, type Openers } from "./panels/commands.ts";
import { type Page, PageContext } from "./panels/page.ts";
import { FIRST_SHELL, type Shell } from "./panels/shell.ts";
import { LabelStore } from "./storage/label-store.ts";
import { hasCamera } from "./view/camera.ts";
import { save } from "./view/downloads.ts";
import { isSparing } from "./view/surroundings.ts";
import { ViewedContext } from "./view/viewed.ts";
import { Observable } from "./workspace/observable.ts";
import { Workspace } from "./workspace/workspace.ts";
import "./style/style.css";

/** The models of the catalog; the built-in one comes with the page. */
const MODELS = CATALOG.map(({ id, title, bytes, license }) => ({
  name: id,
  title: title.replace(/ \(.*/, ""),
  details: `${Math.round(bytes / 1e6)} MB, ${license}`,
  source: id === "sam2-mini" ? sam2Mini : id,
}));

/** A picture's size; its header is checked before it is decoded. */
async function measure(picture: Blob): Promise<{ width: number; height: number }> {
  const bitmap = await decodePicture(picture);
  const { width, height } = bitmap;
  bitmap.close();
  return { width, height };
}

const workspace = new Workspace({
  store: await LabelStore.open(),
  measure,
  openModel: (model, options) => createSegmenter({ model, ...options }),
  models: MODELS,
  files: {
    readLabels,
    readPictures,
    readProjectFile,
    writeProject,
    writeProjectFile,
    save: ({ name, blob }) => save(name, blob),
  },
  surroundings: { isSparing },
});

const openers: { current: Openers | null } = { current: null };
const opener = (name: keyof Openers) => () => openers.current?.[name]();
const shell = new Observable<Shell>(FIRST_SHELL);
const view: { current: PictureView | null } = { current: null };
const commands = commandsOf(
  workspace,
  shell,
  view,
  {
    pictures: opener("pictures"),
    folder: opener("folder"),
    project: opener("project"),
    annotations: opener("annotations"),
  },
  hasCamera(),
);
const page: Page = { workspace, shell, view, commands };

createRoot(document.getElementById("page") as HTMLElement).render(
  <ViewedContext value={page}>
    <PageContext value={page}>
      <App openers={openers} />
    </PageContext>
  </ViewedContext>,
);

// the model opens while the person chooses a picture
workspace.models.choose("sam2-mini");
void workspace.resume();

// a window that was frozen was not notified of other windows' changes, and one that is hidden may be closed
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") workspace.set.catchUp();
  else workspace.set.keepTime();
});
addEventListener("beforeunload", (event) => {
  if (workspace.set.isUnkept) event.preventDefault();
});
void workOffline(
  () => workspace.state.get().current === null,
  (loadNewVersion) => shell.update({ loadNewVersion }),
);
