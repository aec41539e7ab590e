/** The whole page. */

import { FolderOpen } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { Button } from "react-aria-components";
import { canPickFolder, listenToDrops, listenToPaste, pickFolder, takeInFrom, takeInLabels } from "../view/intake.ts";
import { usePicture } from "../view/picture.ts";
import { Stage } from "../view/stage.tsx";
import { useWorkspace } from "../view/viewed.ts";
import { CameraDialog } from "./camera-dialog.tsx";
import { CommandPalette } from "./command-palette.tsx";
import type { Openers } from "./commands.ts";
import { EmbeddingsDialog } from "./embeddings-dialog.tsx";
import { ExportDialog } from "./export-dialog.tsx";
import { FilmStrip } from "./film-strip.tsx";
import { Help } from "./help.tsx";
import { listenToKeys } from "./keys.ts";
import { MaskBar } from "./mask-bar.tsx";
import { OptionsDialog } from "./options-dialog.tsx";
import { Overview } from "./overview.tsx";
import { usePage, useShell } from "./page.ts";
import { Panel } from "./panel.tsx";
import { QuestionDialog } from "./question-dialog.tsx";
import { Rail } from "./rail.tsx";
import type { Shell } from "./shell.ts";
import { BusyLine, ErrorLine, StatusLine, ZoomBar } from "./status-line.tsx";
import { Storage } from "./storage.tsx";
import { ToolBar } from "./tool-bar.tsx";
import { TopBar } from "./top-bar.tsx";
import { Welcome } from "./welcome.tsx";

const DIALOGS: Readonly<
  Record<NonNullable<Shell["dialog"]>, (props: { readonly close: () => void }) => React.ReactNode>
> = {
  camera: CameraDialog,
  commands: CommandPalette,
  embeddings: EmbeddingsDialog,
  export: ExportDialog,
  keys: Help,
  options: OptionsDialog,
  overview: Overview,
};

/** See the file. */
export function App({ openers }: { readonly openers: { current: Openers | null } }) {
  const { workspace, shell, commands, view } = usePage();
  const decoded = usePicture();
  const isDecoded = useWorkspace(({ picture }) => picture === decoded?.file);
  const dialog = useShell((state) => state.dialog);
  const isOpen = useWorkspace(({ current }) => current !== null);
  const isEmpty = useWorkspace(({ project }) => project.images.length === 0);
  const [isDropping, setDropping] = useState(false);

  useEffect(() => listenToPaste(workspace), [workspace]);
  useEffect(() => listenToDrops(workspace, setDropping), [workspace]);
  useEffect(
    () => listenToKeys(commands, workspace, (target) => view.current?.element.contains(target) ?? false),
    [commands, workspace, view],
  );
  const Shown = dialog && DIALOGS[dialog];
  // the same one each time: what a dialog opens, such as the camera, lasts as long as the dialog
  const close = useCallback(() => shell.update({ dialog: null }), [shell]);
  return (
    <div
      className={`app${isOpen ? "" : " is-welcome"}${isEmpty ? " is-empty" : ""}${isDropping ? " is-dropping" : ""}`}
    >
      <TopBar />
      <Rail />
      <Stage decoded={decoded}>
        <Welcome />
        <div className="over">
          {isOpen && <ToolBar />}
          {isOpen && <MaskBar />}
          <div className="foot">
            <StatusLine />
            <ZoomBar />
          </div>
          <div className="notices">
            <BusyLine />
            <ErrorLine />
            <Storage place="picture" />
            <ClosedFolders />
            <NewVersion />
          </div>
        </div>
        <FileInputs openers={openers} />
      </Stage>
      <FilmStrip />
      <Panel picture={isDecoded && decoded ? decoded.picture : null} />
      {Shown && <Shown close={close} />}
      <QuestionDialog />
    </div>
  );
}

/** The way back to folders of an earlier visit: the browser asks whether the page may read them. */
function ClosedFolders() {
  const { workspace } = usePage();
  const names = useWorkspace(({ closedFolders }) => closedFolders);
  if (names.length === 0) return null;
  return (
    <div className="new-version" role="status" aria-label="Folders">
      <span>
        {names.length === 1
          ? `Your pictures are in the folder ${names[0]}.`
          : `Your pictures are in ${names.length} folders.`}
      </span>
      <Button className="primary" onPress={() => void workspace.openFolders()}>
        <FolderOpen aria-hidden /> Open {names.length === 1 ? "the folder" : "the folders"} again
      </Button>
    </div>
  );
}

/** The offer of a new version of the page. */
function NewVersion() {
  const load = useShell(({ loadNewVersion }) => loadNewVersion);
  if (!load) return null;
  return (
    <div className="new-version" role="status" aria-label="New version">
      There is a new version of this page.
      <Button className="quiet" onPress={load}>
        Reload
      </Button>
    </div>
  );
}

/** What the browser opens files with. */
function FileInputs({ openers }: { readonly openers: { current: Openers | null } }) {
  const { workspace } = usePage();
  const [files, folder, project, annotations] = [
    useRef<HTMLInputElement>(null),
    useRef<HTMLInputElement>(null),
    useRef<HTMLInputElement>(null),
    useRef<HTMLInputElement>(null),
  ];
  useEffect(() => {
    openers.current = {
      pictures: () => files.current?.click(),
      folder: () => {
        if (!canPickFolder()) return folder.current?.click();
        pickFolder(workspace).catch((error: unknown) => {
          if ((error as Error).name !== "AbortError") workspace.notices.fail(error, "choose the pictures one by one.");
        });
      },
      project: () => project.current?.click(),
      annotations: () => annotations.current?.click(),
    };
  });
  const common = {
    type: "file",
    className: "visually-hidden",
    tabIndex: -1,
    onChange: ({ target, nativeEvent }: React.ChangeEvent<HTMLInputElement>) => {
      if (target.files?.length) takeInFrom(workspace, nativeEvent);
      target.value = "";
    },
  } as const;
  return (
    <div className="visually-hidden">
      <input {...common} ref={files} aria-label="Pictures to open" accept="image/*" multiple />
      <input {...common} ref={folder} aria-label="Folder to open" {...{ webkitdirectory: "" }} />
      <input {...common} ref={project} aria-label="Project to open" accept=".zip,application/zip" />
      <input
        {...common}
        ref={annotations}
        aria-label="Labels to import"
        accept=".json,.geojson,.xml,.csv,.tsv,.txt,.names,.yaml,.yml,.png,.svg,.psd,.zip"
        multiple
        onChange={({ target, nativeEvent }) => {
          if (target.files?.length) takeInFrom(workspace, nativeEvent, takeInLabels);
          target.value = "";
        }}
      />
    </div>
  );
}
