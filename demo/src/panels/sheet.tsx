/** A dialog over the page, with a title and a way out. */
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";

/** Open as long as it is there. */
export function Sheet({
  title,
  close,
  size = "small",
  children,
}: {
  readonly title: string;
  readonly close: () => void;
  readonly size?: "small" | "wide";
  readonly children: ReactNode;
}) {
  return (
    <ModalOverlay className="overlay" isOpen isDismissable onOpenChange={(isOpen) => isOpen || close()}>
      <Modal className={`modal is-${size}`}>
        <Dialog className="dialog">
          <header>
            <Heading slot="title">{title}</Heading>
            <Button className="icon-button small" aria-label="Close" onPress={close}>
              <X aria-hidden />
            </Button>
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
