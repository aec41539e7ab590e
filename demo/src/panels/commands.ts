/** All commands in one table: the rail, the palette, the keys and the help are made from it. */
import {
  Braces,
  Brush,
  Camera,
  ChartColumn,
  Check,
  CircleCheck,
  CircleMinus,
  CirclePlus,
  CircleQuestionMark,
  Command as CommandIcon,
  CopyPlus,
  Crosshair,
  Download,
  Eraser,
  Expand,
  Eye,
  EyeOff,
  FileUp,
  FolderOpen,
  Image,
  ImagePlus,
  Lasso,
  LassoSelect,
  ListChecks,
  ListTodo,
  type LucideIcon,
  Magnet,
  Maximize,
  PackageOpen,
  PaintBucket,
  Redo2,
  Repeat2,
  Save,
  Scan,
  ScanSearch,
  Scissors,
  Shrink,
  SkipBack,
  SkipForward,
  SlidersHorizontal,
  Sparkles,
  Spline,
  Split,
  SquareCheck,
  SquareDashed,
  SquaresSubtract,
  SquaresUnite,
  Trash2,
  Undo2,
  Waves,
  X,
  Zap,
  ZoomIn,
  ZoomOut,
} from "lucide-react";
import type { PictureView } from "sam2-canvas";
import { counted } from "../labels/counted.ts";
import { saveCutOut, saveJson, saveMask } from "../view/downloads.ts";
import type { Observable } from "../workspace/observable.ts";
import { isEmpty } from "../workspace/prompt.ts";
import {
  editedOf,
  HAND_TOOLS,
  imageOf,
  objectsOf,
  othersOf,
  type State,
  selectedOf,
  type Tool,
} from "../workspace/state.ts";
import type { Workspace } from "../workspace/workspace.ts";
import type { Shell } from "./shell.ts";

/** Where commands stand in the palette and the help. */
export const GROUPS = ["Tools", "Mask", "Shape", "Objects", "Pictures", "View", "Page"] as const;

/** Pixels of the picture. */
export const LARGEST_BRUSH = 400;

/** Something that can be done, and the ways to ask for it. */
export interface Command {
  readonly id: string;
  readonly name: string;
  readonly group: (typeof GROUPS)[number];
  /** What it is found by, besides its name and group. */
  readonly words?: string;
  readonly icon: LucideIcon;
  /** Keys, as `keyOf` writes them; the first is shown. */
  readonly keys?: readonly string[];
  /** Whether the keys work only while the picture has the focus. */
  readonly isOfPicture?: boolean;
  /** The tool that it chooses. */
  readonly tool?: Tool;
  /** Whether it can be done now; always by default. */
  isEnabled?(state: State): boolean;
  run(): void;
}

/** Ways to open files; the browser asks the person. */
export interface Openers {
  pictures(): void;
  folder(): void;
  project(): void;
  annotations(): void;
}

/** The commands of a page. */
export function commandsOf(
  workspace: Workspace,
  shell: Observable<Shell>,
  view: { readonly current: PictureView | null },
  openers: Openers,
  hasCamera: boolean,
): readonly Command[] {
  const { set, transfer, editing, selection } = workspace;
  const hasAnswer = ({ answer, isAsking }: State): boolean => answer !== null || isAsking;
  const isOpen = (state: State): boolean => imageOf(state) !== null;
  const isSeen = ({ size }: State): boolean => size !== null;
  const isEditing = (state: State): boolean => editedOf(state) !== null;
  const isSelecting = (state: State): boolean => selectedOf(state).some(({ locked }) => !locked);
  const hasPictures = ({ project }: State): boolean => project.images.length > 0;
  const hasOthers = (state: State): boolean => isEditing(state) && othersOf(state).length > 0;
  const hasNext = (state: State): boolean => isEditing(state) && state.project.images.at(-1)?.id !== state.current;
  const tool = (id: Tool, name: string, icon: LucideIcon, key: string): Command => {
    const run = (): void => workspace.chooseTool(id);
    // what is done by hand is kept, and so needs a picture of the set: a sample on the welcome is none
    const isEnabled = (state: State): boolean => isSeen(state) && (!HAND_TOOLS.includes(id) || isOpen(state));
    return { id, name, group: "Tools", icon, keys: [key], tool: id, isEnabled, run };
  };
  const resizeBrush = (by: number) => () => {
    const brush = Math.min(Math.max(Math.round(workspace.state.get().options.brush * by), 1), LARGEST_BRUSH);
    workspace.setOptions({ brush });
    workspace.notices.say(`Brush of ${counted(brush, "pixel")}.`);
  };
  const tellUnsaved = (error: unknown): void =>
    workspace.notices.fail(error, "nothing was saved; the mask is still here.");
  const shape = (
    id: string,
    name: string,
    icon: LucideIcon,
    run: () => void,
    isEnabled: (state: State) => boolean = isEditing,
    key?: string,
  ): Command => ({ id, name, group: "Shape", icon, isEnabled, run, ...(key !== undefined && { keys: [key] }) });
  const open = (dialog: Shell["dialog"]) => () => shell.update({ dialog });

  const commands: readonly Command[] = [
    tool("add", "Add", CirclePlus, "a"),
    tool("remove", "Remove", CircleMinus, "r"),
    tool("box", "Box", SquareDashed, "b"),
    tool("paint", "Paint", Brush, "p"),
    tool("erase", "Erase", Eraser, "e"),
    tool("outline", "Outline", Lasso, "l"),
    tool("corners", "Corners", Spline, "v"),
    tool("select", "Select", LassoSelect, "q"),
    {
      id: "smaller brush",
      name: "Smaller brush",
      group: "Tools",
      icon: Brush,
      keys: ["["],
      run: resizeBrush(1 / 1.25),
    },
    {
      id: "join",
      name: "Join the edges of neighbors",
      group: "Tools",
      icon: Magnet,
      keys: ["j"],
      run: () => {
        const join = !workspace.state.get().options.join;
        workspace.setOptions({ join });
        workspace.notices.say(`What is painted ${join ? "joins" : "no longer joins"} the edges of neighbors.`);
      },
    },
    { id: "larger brush", name: "Larger brush", group: "Tools", icon: Brush, keys: ["]"], run: resizeBrush(1.25) },
    {
      id: "everything",
      name: "Find everything",
      group: "Tools",
      icon: Sparkles,
      keys: ["f"],
      isEnabled: (state) => isOpen(state) && state.isEncoded,
      run: () => void workspace.everything(),
    },
    {
      id: "point here",
      name: "Add a point at the crosshair",
      group: "Tools",
      icon: Crosshair,
      keys: ["."],
      isOfPicture: true,
      isEnabled: isSeen,
      run: () => workspace.addAtCrosshair(true),
    },
    {
      id: "remove here",
      name: "Remove at the crosshair",
      group: "Tools",
      icon: Crosshair,
      keys: [","],
      isOfPicture: true,
      isEnabled: isSeen,
      run: () => workspace.addAtCrosshair(false),
    },
    {
      id: "keep",
      name: "Keep the mask",
      group: "Mask",
      icon: SquareCheck,
      keys: ["enter", "k"],
      isEnabled: (state) => hasAnswer(state) || state.drawn.length >= 3,
      run: () => workspace.keep(),
    },
    {
      id: "candidate",
      name: "Next candidate",
      group: "Mask",
      icon: Repeat2,
      keys: ["c"],
      isEnabled: ({ answer, isAsking }) => answer !== null && !isAsking,
      run: () => workspace.chooseNext(),
    },
    {
      id: "closer",
      name: "Look closer",
      group: "Mask",
      icon: ScanSearch,
      keys: ["d"],
      isEnabled: hasAnswer,
      run: () => workspace.lookCloser(),
    },
    {
      id: "clear",
      name: "Clear",
      group: "Mask",
      icon: X,
      keys: ["escape"],
      isEnabled: ({ marks }) => !isEmpty(marks),
      run: () => workspace.clear(),
    },
    {
      id: "add to object",
      name: "Add to the edited object",
      group: "Mask",
      icon: SquaresUnite,
      keys: ["u"],
      isEnabled: (state) => hasAnswer(state) && isEditing(state),
      run: () => workspace.combine("add"),
    },
    {
      id: "take from object",
      name: "Take from the edited object",
      group: "Mask",
      icon: SquaresSubtract,
      keys: ["s"],
      isEnabled: (state) => hasAnswer(state) && isEditing(state),
      run: () => workspace.combine("subtract"),
    },
    {
      id: "cut out",
      name: "Save the cut-out",
      group: "Mask",
      icon: Scissors,
      keys: ["x"],
      isEnabled: hasAnswer,
      run: () =>
        workspace.withAnswer((answer) => {
          const { picture } = workspace.state.get();
          if (picture) saveCutOut(answer, picture).catch(tellUnsaved);
        }),
    },
    {
      id: "save mask",
      name: "Save the mask as PNG",
      group: "Mask",
      icon: Image,
      isEnabled: hasAnswer,
      run: () => workspace.withAnswer((answer) => void saveMask(answer).catch(tellUnsaved)),
    },
    {
      id: "save rle",
      name: "Save the mask as COCO RLE",
      group: "Mask",
      icon: Braces,
      isEnabled: hasAnswer,
      run: () => workspace.withAnswer((answer) => saveJson(answer)),
    },
    shape("fill", "Fill holes", PaintBucket, () => editing.reshape("fill")),
    shape("smooth", "Smooth", Waves, () => editing.reshape("smooth")),
    shape("grow", "Grow", Expand, () => editing.reshape("grow")),
    shape("shrink", "Shrink", Shrink, () => editing.reshape("shrink")),
    shape("simplify", "Simplify to the corners shown", Spline, () => editing.simplify()),
    shape("split", "Split into its parts", Split, () => editing.split()),
    shape("merge", "Merge the selected objects", SquaresUnite, () => editing.merge(), hasOthers, "u"),
    shape("subtract", "Subtract the others selected", SquaresSubtract, () => editing.subtractOthers(), hasOthers, "s"),
    shape("copy", "Copy to the next picture", CopyPlus, () => editing.copyToNext(), hasNext),
    {
      id: "review",
      name: "Next to look at",
      group: "Objects",
      icon: ListTodo,
      keys: ["n"],
      isEnabled: hasPictures,
      run: () => workspace.reviewing.next(),
    },
    {
      id: "agree",
      name: "Agree, and next to look at",
      group: "Objects",
      icon: Check,
      keys: ["y"],
      isEnabled: isSelecting,
      run: () => {
        if (selectedOf(workspace.state.get()).length > 1) selection.agree();
        else workspace.reviewing.agree();
      },
    },
    {
      id: "done",
      name: "The picture is done",
      group: "Pictures",
      icon: CircleCheck,
      keys: ["m"],
      isEnabled: isOpen,
      run: () => workspace.reviewing.mark("done"),
    },
    {
      id: "look",
      name: "The picture needs a look",
      group: "Pictures",
      icon: Eye,
      isEnabled: isOpen,
      run: () => workspace.reviewing.mark("needs a look"),
    },
    {
      id: "overview",
      name: "Overview…",
      group: "Pictures",
      icon: ChartColumn,
      isEnabled: hasPictures,
      run: open("overview"),
    },
    {
      id: "undo",
      name: "Undo",
      group: "Objects",
      icon: Undo2,
      keys: ["ctrl+z"],
      isEnabled: ({ undoable, drawn }) => undoable !== null || drawn.length > 0,
      run: () => (workspace.state.get().drawn.length > 0 ? editing.takeBackCorner() : set.undo()),
    },
    {
      id: "redo",
      name: "Redo",
      group: "Objects",
      icon: Redo2,
      keys: ["ctrl+y", "ctrl+shift+z"],
      isEnabled: ({ redoable }) => redoable !== null,
      run: () => set.redo(),
    },
    {
      id: "delete object",
      name: "Delete what is selected",
      group: "Objects",
      icon: Trash2,
      keys: ["delete", "backspace"],
      isEnabled: isSelecting,
      run: () => selection.delete(),
    },
    {
      id: "hide",
      name: "Hide or show what is selected",
      group: "Objects",
      icon: EyeOff,
      keys: ["h"],
      isEnabled: isSelecting,
      run: () => selection.hide(),
    },
    {
      id: "select all",
      name: "Select all objects",
      group: "Objects",
      icon: ListChecks,
      keys: ["ctrl+a"],
      isEnabled: (state) => objectsOf(state).length > 0,
      run: () => selection.all(),
    },
    {
      id: "export",
      name: "Export labels…",
      words: "save download zip",
      group: "Objects",
      icon: Download,
      keys: ["ctrl+e"],
      isEnabled: hasPictures,
      run: open("export"),
    },
    {
      id: "import",
      name: "Import labels…",
      group: "Objects",
      icon: FileUp,
      run: () => openers.annotations(),
    },
    {
      id: "open",
      name: "Open pictures…",
      group: "Pictures",
      icon: ImagePlus,
      keys: ["ctrl+o"],
      run: () => openers.pictures(),
    },
    { id: "folder", name: "Open a folder…", group: "Pictures", icon: FolderOpen, run: () => openers.folder() },
    ...(hasCamera
      ? [{ id: "camera", name: "Take a picture…", group: "Pictures" as const, icon: Camera, run: open("camera") }]
      : []),
    {
      id: "project",
      name: "Open a project…",
      words: "zip",
      group: "Pictures",
      icon: PackageOpen,
      run: () => openers.project(),
    },
    { id: "embeddings", name: "Embeddings…", group: "Pictures", icon: Zap, run: open("embeddings") },
    {
      id: "save project",
      name: "Save the project",
      words: "download zip",
      group: "Pictures",
      icon: Save,
      keys: ["ctrl+s"],
      isEnabled: hasPictures,
      run: () => void transfer.saveProject(),
    },
    {
      id: "previous",
      name: "Previous picture",
      group: "Pictures",
      icon: SkipBack,
      keys: ["pageup"],
      isEnabled: hasPictures,
      run: () => workspace.step(-1),
    },
    {
      id: "next",
      name: "Next picture",
      group: "Pictures",
      icon: SkipForward,
      keys: ["pagedown"],
      isEnabled: hasPictures,
      run: () => workspace.step(1),
    },
    {
      id: "delete picture",
      name: "Delete this picture",
      group: "Pictures",
      icon: Trash2,
      isEnabled: isOpen,
      run: () => workspace.deletePicture(),
    },
    {
      id: "delete all",
      name: "Delete all pictures…",
      group: "Pictures",
      icon: Trash2,
      isEnabled: hasPictures,
      run: () => void workspace.deleteAll(),
    },
    {
      id: "zoom in",
      name: "Zoom in",
      group: "View",
      icon: ZoomIn,
      keys: ["+", "="],
      run: () => view.current?.zoomBy(1.4),
    },
    {
      id: "zoom out",
      name: "Zoom out",
      group: "View",
      icon: ZoomOut,
      keys: ["-"],
      run: () => view.current?.zoomBy(1 / 1.4),
    },
    { id: "fit", name: "Fit the picture", group: "View", icon: Maximize, keys: ["0"], run: () => view.current?.fit() },
    {
      id: "actual size",
      name: "Actual size",
      group: "View",
      icon: Scan,
      keys: ["shift+1"],
      run: () => view.current?.actualSize(),
    },
    {
      id: "options",
      name: "Options…",
      words: "settings opacity",
      group: "Page",
      icon: SlidersHorizontal,
      keys: ["o"],
      run: open("options"),
    },
    {
      id: "commands",
      name: "All commands…",
      group: "Page",
      icon: CommandIcon,
      keys: ["ctrl+k"],
      run: open("commands"),
    },
    {
      id: "keys",
      name: "Keys and help",
      words: "shortcuts",
      group: "Page",
      icon: CircleQuestionMark,
      keys: ["?"],
      run: open("keys"),
    },
  ];
  return commands;
}

/** Whether a command can be done now. */
export function isEnabled(command: Command, state: State): boolean {
  return command.isEnabled?.(state) ?? true;
}
