/** Before a picture is open: a sample, segmented under the pointer; and the ways to open pictures. */
import { FolderOpen, ImagePlus } from "lucide-react";
import { useEffect } from "react";
import { fetchSample, SAMPLES } from "../view/intake.ts";
import { useWorkspace } from "../view/viewed.ts";
import { useCommand, usePage } from "./page.ts";

/** Where a pointer of the page's own goes over the first sample, in shares of its sides, until the person's comes. */
const TOUR: readonly (readonly [number, number])[] = [
  [0.31, 0.59],
  [0.42, 0.5],
  [0.52, 0.42],
  [0.62, 0.46],
  [0.76, 0.55],
  [0.62, 0.4],
];

/** Milliseconds at each place. */
const REST = 1600;

/** Nothing once a picture is open. */
export function Welcome() {
  const { workspace } = usePage();
  const [openPictures, openFolder] = [useCommand("open"), useCommand("folder")];
  const isOpen = useWorkspace(({ current }) => current !== null);
  const hasPicture = useWorkspace(({ picture }) => picture !== null);
  const isReady = useWorkspace(({ isEncoded }) => isEncoded);
  const { set, notices } = workspace;

  useEffect(() => {
    if (isOpen || hasPicture) return;
    // without it the welcome is plainer, no more
    fetchSample(SAMPLES[0].file)
      .then((sample) => workspace.showSample(sample))
      .catch(() => undefined);
  }, [isOpen, hasPicture, workspace]);

  useEffect(() => {
    if (isOpen || !isReady || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    let at = 0;
    const visit = (): void => {
      const { size } = workspace.state.get();
      const [x, y] = TOUR[at++ % TOUR.length] as readonly [number, number];
      if (size) workspace.hover(x * size.width, y * size.height);
    };
    visit();
    const timer = setInterval(visit, REST);
    const end = (): void => clearInterval(timer);
    addEventListener("pointermove", end, { once: true });
    return () => {
      end();
      removeEventListener("pointermove", end);
    };
  }, [isOpen, isReady, workspace]);

  if (isOpen) return null;
  const open = (file: string): void => {
    fetchSample(file).then(
      (sample) => void set.add([sample]),
      (error: unknown) => notices.fail(error, "choose a picture of your own."),
    );
  };
  return (
    <section className="welcome" aria-label="Welcome">
      <h2>
        <span className="for-mouse">Point at</span>
        <span className="for-touch">Tap</span> a thing. It is cut out.
      </h2>
      <p>
        <span className="for-mouse">Click to pick it. Drop your own pictures anywhere: they</span>
        <span className="for-touch">Open your own pictures: they</span> never leave this device.
      </p>
      <div className="welcome-actions">
        <button type="button" className="primary" onClick={openPictures.run}>
          <ImagePlus aria-hidden /> Choose pictures
        </button>
        <button type="button" onClick={openFolder.run}>
          <FolderOpen aria-hidden /> Choose a folder
        </button>
      </div>
      <ul className="samples" aria-label="Samples">
        {SAMPLES.map(({ file, title }) => (
          <li key={file}>
            <button type="button" title={title} onClick={() => open(file)}>
              <img src={`samples/${file}`} alt={title} />
            </button>
          </li>
        ))}
      </ul>
      <small>
        Samples:{" "}
        <a href="https://github.com/facebookresearch/sam2" rel="noreferrer">
          facebookresearch/sam2
        </a>
        , Apache-2.0
      </small>
    </section>
  );
}
