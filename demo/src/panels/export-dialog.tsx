/** Export: in which format, and of what. */
import { Download } from "lucide-react";
import { useState } from "react";
import { Button, Label, Radio, RadioGroup } from "react-aria-components";
import { FORMATS, type Format } from "../formats/archive.ts";
import { counted } from "../labels/counted.ts";
import { useWorkspace } from "../view/viewed.ts";
import type { Scope } from "../workspace/transfer.ts";
import { usePage } from "./page.ts";
import { Sheet } from "./sheet.tsx";

/** What was chosen last. */
let last: { format: Format; scope: Scope } = { format: "coco", scope: "all" };

/** See the file. */
export function ExportDialog({ close }: { readonly close: () => void }) {
  const { workspace } = usePage();
  const images = useWorkspace(({ project }) => project.images);
  const [format, setFormat] = useState(last.format);
  const isOpen = useWorkspace(({ current }) => current !== null);
  const [chosen, setScope] = useState(last.scope);
  const scope = isOpen ? chosen : "all";
  const count = images.reduce((sum, { objects }) => sum + objects.length, 0);
  return (
    <Sheet title="Export labels" close={close}>
      <RadioGroup className="choices" value={format} onChange={(value) => setFormat(value as Format)}>
        <Label>Format</Label>
        {Object.entries(FORMATS).map(([id, name]) => (
          <Radio key={id} value={id}>
            {name}
          </Radio>
        ))}
      </RadioGroup>
      <RadioGroup className="choices" value={scope} onChange={(value) => setScope(value as Scope)}>
        <Label>Of</Label>
        <Radio value="all">
          All: {counted(images.length, "picture")}, {counted(count, "object")}
        </Radio>
        <Radio value="one" isDisabled={!isOpen}>
          This picture
        </Radio>
      </RadioGroup>
      <footer>
        <Button
          className="primary"
          onPress={() => {
            last = { format, scope };
            close();
            void workspace.transfer.export(format, scope);
          }}
        >
          <Download aria-hidden /> Save the file
        </Button>
      </footer>
    </Sheet>
  );
}
