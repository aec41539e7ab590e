/** What the person has to decide before work goes on. */
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { counted } from "../labels/counted.ts";
import { useWorkspace } from "../view/viewed.ts";
import type { Question } from "../workspace/state.ts";
import { usePage } from "./page.ts";

/** What a question says. */
interface Words {
  readonly title: string;
  readonly text: string;
  readonly details?: readonly string[];
  /** The answers besides Cancel: what they are called, and what they mean. */
  readonly choices: readonly (readonly [string, string])[];
}

/** Nothing unless there is a question. */
export function QuestionDialog() {
  const { workspace } = usePage();
  const question = useWorkspace((state) => state.question);
  if (!question) return null;
  const { title, text, details, choices } = inWords(question);
  const answer = (choice: string | null): void => workspace.notices.answer(choice);
  return (
    <ModalOverlay className="overlay" isOpen isDismissable onOpenChange={(isOpen) => isOpen || answer(null)}>
      <Modal className="modal is-small">
        <Dialog className="dialog" role="alertdialog">
          <header>
            <Heading slot="title">{title}</Heading>
          </header>
          <p>{text}</p>
          {details && (
            <ul className="details">
              {details.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          )}
          <footer>
            <Button onPress={() => answer(null)}>Cancel</Button>
            {choices.map(([name, choice], index) => (
              <Button
                key={choice}
                className={index === choices.length - 1 ? "primary" : ""}
                autoFocus={index === choices.length - 1}
                onPress={() => answer(choice)}
              >
                {name}
              </Button>
            ))}
          </footer>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function inWords(question: Question): Words {
  switch (question.kind) {
    case "import":
      return importInWords(question);
    case "join classes":
      return {
        title: "Join two classes",
        text: `Make every object of ${question.from} one of ${question.to}?`,
        choices: [["Join", "join"]],
      };
    case "delete all":
      return {
        title: "Delete all pictures",
        text: `Delete all ${question.count} pictures with their labels from this browser? Undo brings them back until the page is closed.`,
        choices: [["Delete all", "delete"]],
      };
  }
}

/** Lines that are shown of what is left out. */
const MOST_LINES = 200;

/** What an import will do, before it does it. */
function importInWords({ name, replacing, adding, boxes, leftOut }: Extract<Question, { kind: "import" }>): Words {
  const { changed, added, same, classes } = replacing;
  const labeled = changed.length === 1 ? (changed[0]?.name ?? "") : counted(changed.length, "picture");
  const hasObjects = replacing.objects.added + adding.objects.alike > 0;
  const lines = [
    changed.length > 0 &&
      `Replace: ${counted(replacing.objects.added, "object")} added, ${replacing.objects.gone} removed.`,
    changed.length > 0 &&
      `Merge: ${counted(adding.objects.added, "object")} added to those that are there, ${adding.objects.alike} left out, since the same object is there already.`,
    changed.length === 0 && hasObjects && `${counted(replacing.objects.added, "object")} added.`,
    boxes > 0 && `${counted(boxes, "box becomes a mask", "boxes become masks")}, which then wait for your look.`,
    added.length > 0 && `Not here yet: ${counted(added.length, "picture")}. The labels are kept until you open them.`,
    same > 0 && hasObjects && `Unchanged: ${counted(same, "picture")}. The file has nothing else for them.`,
    classes.length > 0 && `New classes: ${classes.slice(0, 12).join(", ")}${classes.length > 12 ? ", …" : ""}.`,
    ...leftOut.slice(0, MOST_LINES).map((line) => `Left out: ${line}.`),
    leftOut.length > MOST_LINES && `Left out: ${leftOut.length - MOST_LINES} more like these.`,
  ];
  const isEmpty = boxes === 0 && !hasObjects && added.length === 0;
  return {
    title: `Import ${name}`,
    text: isEmpty
      ? "There is nothing in it for the pictures that are here."
      : changed.length > 0
        ? `There are labels in ${labeled} already. Undo takes an import back.`
        : "This is what will happen. Undo takes it back.",
    details: lines.filter((line): line is string => typeof line === "string"),
    choices: isEmpty
      ? []
      : changed.length > 0
        ? [
            ["Merge", "add"],
            ["Replace", "replace"],
          ]
        : [["Import", "replace"]],
  };
}
