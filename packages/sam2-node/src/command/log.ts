/** What happens in long-running commands, for machines: one line of JSON each, on standard error. */

/** How much a line matters. */
export type Level = "info" | "warn" | "error";

/** Writes a line: its time, its level, what happened, and the particulars. */
export type Log = (level: Level, event: string, particulars?: Readonly<Record<string, unknown>>) => void;

/** A log on standard error. */
export const stderrLog: Log = (level, event, particulars = {}) => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...particulars })}\n`);
};
