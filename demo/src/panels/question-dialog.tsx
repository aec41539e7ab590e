/** What the person has to decide before work goes on. */
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useWorkspace } from "../view/viewed.ts";
import type { Question } from "../workspace/state.ts";
import { usePage } from "./page.ts";

/** What a question says. */
interface Words {
  readonly title: string;
  readonly text: string;
  /** The answers besides Cancel: what they are called, and what they mean. */
  readonly choices: readonly (readonly [string, string])[];
}

/** Nothing unless there is a question. */
export function QuestionDialog() {
  const { workspace } = usePage();
  const question = useWorkspace((state) => state.question);
  if (!question) return null;
  const { title, text, choices } = inWords(question);
  const answer = (choice: string | null): void => workspace.notices.answer(choice);
  return (
    <ModalOverlay className="overlay" isOpen isDismissable onOpenChange={(isOpen) => isOpen || answer(null)}>
      <Modal className="modal is-small">
        <Dialog className="dialog" role="alertdialog">
          <header>
            <Heading slot="title">{title}</Heading>
          </header>
          <p>{text}</p>
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
    case "import": {
      const { name, replaced } = question;
      const labeled = replaced.length === 1 ? replaced[0] : `${replaced.length} pictures`;
      return {
        title: `Import ${name}`,
        text: `Replace the labels of ${labeled} by those in ${name}? Undo brings them back.`,
        choices: [["Replace", "replace"]],
      };
    }
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
