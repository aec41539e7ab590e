/** The page "measure this device": what to measure, the table as it fills, and the table as Markdown. */
import { type ReactElement, useRef, useState } from "react";
import { measure } from "./measure.ts";
import { type Abilities, MODELS, plan } from "./plan.ts";
import { type Benchmarks, cells, HEAD, markdown, type Row } from "./report.ts";

/** What the page needs to know. */
export interface MeasurePageProps {
  readonly abilities: Abilities;
  readonly benchmarks: Benchmarks;
  /** Called when measuring begins and ends: the page must not be loaded anew meanwhile. */
  readonly onBusy: (isBusy: boolean) => void;
}

const MB = 1e6;

export function MeasurePage({ abilities, benchmarks, onBusy }: MeasurePageProps): ReactElement {
  const [chosen, choose] = useState<readonly string[]>(["sam2-mini"]);
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [step, setStep] = useState<string | null>(null);
  const [isCopied, setCopied] = useState(false);
  const stop = useRef<AbortController | null>(null);
  const models = MODELS.filter(({ id }) => chosen.includes(id));

  const start = async (): Promise<void> => {
    const controller = new AbortController();
    stop.current = controller;
    onBusy(true);
    setCopied(false);
    const done: Row[] = [];
    setRows(done);
    for (const run of plan(models, abilities)) {
      const name = `${run.model.title}, ${run.device}, ${run.dtype}`;
      try {
        const figures = await measure(run, controller.signal, (what) => setStep(`${name}: ${what}`));
        done.push({ run, figures, problem: null });
      } catch (error) {
        if (controller.signal.aborted) break;
        done.push({ run, figures: null, problem: `${(error as Error).name}: ${(error as Error).message}` });
      }
      setRows([...done]);
    }
    setStep(null);
    stop.current = null;
    onBusy(false);
  };

  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(
      markdown(rows, benchmarks, navigator.userAgent, navigator.hardwareConcurrency ?? 1),
    );
    setCopied(true);
  };

  return (
    <main className="measure">
      <h1>Measure this device</h1>
      <p>
        Opens models in this browser, encodes a photograph and clicks on it. Times are medians. Nothing is sent
        anywhere.
      </p>
      <fieldset disabled={step !== null}>
        <legend>Models</legend>
        {MODELS.map(({ id, title, download }) => (
          <label key={id}>
            <input
              type="checkbox"
              checked={chosen.includes(id)}
              onChange={({ target }) => choose(target.checked ? [...chosen, id] : chosen.filter((each) => each !== id))}
            />
            {title}
            {download > 0 && `, downloads ${Math.round(download / MB)} MB from huggingface.co and keeps it`}
          </label>
        ))}
      </fieldset>
      <p>
        {abilities.threads === 1 ? "One thread here" : `Up to ${abilities.threads} threads here`};{" "}
        {abilities.hasGpu ? "WebGPU is measured, too." : "no GPU that WebGPU can use."}
      </p>
      <p>
        {step === null ? (
          <button type="button" disabled={models.length === 0} onClick={() => void start()}>
            Measure
          </button>
        ) : (
          <button type="button" onClick={() => stop.current?.abort()}>
            Stop
          </button>
        )}{" "}
        <output>{step ?? ""}</output>
      </p>
      {rows.length > 0 && (
        <>
          <table>
            <thead>
              <tr>
                {HEAD.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => {
                const [title = "", on = "", ...others] = cells(row, benchmarks);
                return (
                  <tr key={`${title}${on}${row.run.dtype}`}>
                    <th scope="row">{title}</th>
                    <td>{on}</td>
                    {others.map((cell, i) => (
                      <td key={HEAD[i + 2]}>{cell}</td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
          <p>In brackets: BENCHMARKS.md, measured on {benchmarks.machine}.</p>
          <p>
            <button type="button" disabled={step !== null} onClick={() => void copy()}>
              Copy as Markdown
            </button>{" "}
            <output>{isCopied ? "copied" : ""}</output>
          </p>
        </>
      )}
    </main>
  );
}
