/** The thin bar above the picture: what is open, undo and redo, the model, and the door to everything else. */
import { ChevronDown, Ellipsis } from "lucide-react";
import { Button, Header, Menu, MenuItem, MenuSection, MenuTrigger, Popover } from "react-aria-components";
import { useWorkspace } from "../view/viewed.ts";
import { isBestBeside, placeOf } from "../workspace/models.ts";
import { imageOf } from "../workspace/state.ts";
import { GROUPS } from "./commands.ts";
import { commandItem, IconButton } from "./icon-button.tsx";
import { useCommand, useEnabled, usePage } from "./page.ts";

/** See the file. */
export function TopBar() {
  const image = useWorkspace(imageOf);
  return (
    <header className="top-bar">
      <h1>
        <img src="./icon.svg" alt="" width="22" height="22" />
        <span>sam2-web</span>
      </h1>
      {image ? (
        <p className="picture-name">
          <span>{image.name}</span>
          <small>
            {image.width} × {image.height}
          </small>
        </p>
      ) : (
        <p className="picture-name promise">Your pictures stay on this device.</p>
      )}
      <div className="top-actions">
        <IconButton command={useCommand("undo")} placement="bottom" />
        <IconButton command={useCommand("redo")} placement="bottom" />
        <span className="divider" />
        <ModelMenu />
        <IconButton command={useCommand("open")} placement="bottom" />
        <IconButton command={useCommand("commands")} placement="bottom" />
        <MoreMenu />
      </div>
    </header>
  );
}

function ModelMenu() {
  const { workspace } = usePage();
  const models = useWorkspace((state) => state.models);
  const name = useWorkspace((state) => state.modelName);
  const model = useWorkspace((state) => state.model);
  const title = models.find((each) => each.name === name)?.title ?? "no model yet";
  const place = model ? placeOf(model) : "";
  return (
    <MenuTrigger>
      <Button className="model-button" aria-label={`Model: ${title}${place && `, ${place}`}`}>
        <span className={model ? "lamp is-on" : "lamp"} />
        <span className="model-title">{title}</span>
        <small>{place}</small>
        <ChevronDown aria-hidden />
      </Button>
      <Popover className="popover" placement="bottom end">
        <Menu
          className="menu models"
          aria-label="Models"
          selectionMode="single"
          selectedKeys={[name]}
          onAction={(id) => workspace.models.choose(String(id))}
        >
          {models.map((each) => (
            <MenuItem key={each.name} id={each.name} textValue={each.title}>
              <span>
                {each.title}
                <small>
                  {each.details}
                  {model && isBestBeside(model, each.name) && ", best on this device"}
                </small>
              </span>
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

function MoreMenu() {
  const { commands } = usePage();
  const isEnabled = useEnabled();
  const shown = GROUPS.filter((group) => ["Objects", "Pictures", "Page"].includes(group));
  return (
    <MenuTrigger>
      <Button className="icon-button" aria-label="Menu">
        <Ellipsis aria-hidden />
      </Button>
      <Popover className="popover" placement="bottom end">
        <Menu
          className="menu"
          aria-label="Menu"
          disabledKeys={commands.filter((each) => !isEnabled(each.id)).map(({ id }) => id)}
          onAction={(id) => commands.find((each) => each.id === id)?.run()}
        >
          {shown.map((group) => (
            <MenuSection key={group}>
              <Header>{group}</Header>
              {commands
                .filter((each) => each.group === group && !["undo", "redo"].includes(each.id))
                .map((each) => commandItem(each))}
            </MenuSection>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
