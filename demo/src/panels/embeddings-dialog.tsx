/** Embeddings that were made elsewhere: how many are here, where more are, and which are not used. */
import { FolderOpen } from "lucide-react";
import { useMemo, useState } from "react";
import { Button } from "react-aria-components";
import { counted } from "../labels/counted.ts";
import { useWorkspace } from "../view/viewed.ts";
import { useCommand, usePage } from "./page.ts";
import { Sheet } from "./sheet.tsx";

/** Names that are shown of those of one kind. */
const MOST_NAMES = 5;

/** See the file. */
export function EmbeddingsDialog({ close }: { readonly close: () => void }) {
  const { workspace } = usePage();
  const project = useWorkspace((state) => state.project);
  const embeddings = useWorkspace((state) => state.embeddings);
  const model = useWorkspace((state) => state.model);
  const models = useWorkspace((state) => state.models);
  const folder = useCommand("folder");
  const [address, setAddress] = useState(embeddings.address ?? "");
  const [fault, setFault] = useState<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: these are what it is computed from
  const unused = useMemo(() => workspace.embeddings.unused(project), [workspace, project, embeddings, model]);
  const has = project.images.filter(({ sha256 }) => sha256 !== null && embeddings.pictures.has(sha256)).length;
  const lines = [
    ...(unused.strangers.length > 0 ? [`Of no picture that is here: ${namesIn(unused.strangers)}`] : []),
    ...unused.refused,
  ];
  return (
    <Sheet title="Embeddings" close={close}>
      <p>
        A picture with its embedding opens without being encoded. They are made by <code>sam2 embed</code>.
      </p>
      <p role="status" aria-label="Embeddings">
        <b>{has}</b> of {project.images.length} pictures have theirs;{" "}
        {counted(embeddings.files, "file is", "files are")} here.
      </p>
      <Button
        onPress={() => {
          close();
          folder.run();
        }}
      >
        <FolderOpen aria-hidden /> Open a folder of them
      </Button>
      <form
        className="address"
        onSubmit={(event) => {
          event.preventDefault();
          try {
            workspace.embeddings.lookAt(address);
            setFault(null);
            workspace.notices.say(
              address.trim() === "" ? "No address is used." : "Embeddings are looked for at this address.",
            );
            close();
          } catch (error) {
            setFault((error as Error).message);
          }
        }}
      >
        <label>
          <span>Or their address</span>
          <input
            inputMode="url"
            placeholder="https://…/embeddings/"
            aria-invalid={fault !== null}
            value={address}
            onChange={({ target }) => setAddress(target.value)}
          />
        </label>
        <Button type="submit">Use</Button>
      </form>
      {fault !== null && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      <small>
        The picture 1.jpg has its embedding at 1.jpg.safetensors there. This page connects to its own host and to
        Hugging Face, to no other.
      </small>
      {[...unused.byModel].map(([id, names]) => (
        <p key={id} className="other-model">
          <span>
            By another model, {id}: {namesIn(names)}.
          </span>
          {models.some(({ name }) => name === id) && (
            <Button
              onPress={() => {
                close();
                workspace.models.choose(id);
              }}
            >
              Use {id}
            </Button>
          )}
        </p>
      ))}
      {lines.length > 0 && (
        <section>
          <h3>Not used</h3>
          <ul className="details">
            {lines.slice(0, 50).map((line) => (
              <li key={line}>{line}</li>
            ))}
            {lines.length > 50 && <li>{lines.length - 50} more</li>}
          </ul>
        </section>
      )}
    </Sheet>
  );
}

/** The first few of many names. */
function namesIn(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  return `${names.slice(0, MOST_NAMES).join(", ")}${more}`;
}
