/** A number that is typed. */
import { useState } from "react";

/** What is typed stays as it is until the field is left: on the way to a number it may be none, or out of its range. */
export function NumberInput({
  name,
  value,
  min,
  max,
  step,
  onChange,
}: {
  /** What it is called, where no label says it. */
  readonly name?: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  onChange(value: number): void;
}) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <input
      type="number"
      aria-label={name}
      min={min}
      max={max}
      step={step}
      value={typed ?? String(value)}
      onChange={({ target }) => {
        setTyped(target.value);
        const { valueAsNumber } = target;
        if (valueAsNumber >= min && valueAsNumber <= max) onChange(valueAsNumber);
      }}
      onBlur={() => setTyped(null)}
    />
  );
}
