/**
 * Checks that types of packed packages resolve for those who install them: `tsx package-types.ts TARBALL…`. The packages
 * are ES modules alone, so what CommonJS and Node 10 would find does not matter. One process for all of them, since
 * starting the compiler takes longer than a package.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { filterProblems, problemKindInfo } from "@arethetypeswrong/core/problems";

/** How an importing project may look for types. */
const RESOLUTIONS = ["node16-esm", "bundler"] as const;

for (const tarball of process.argv.slice(2)) {
  const analysis = await checkPackage(createPackageFromTarballData(await readFile(tarball)));
  const found = analysis.types
    ? RESOLUTIONS.flatMap((resolutionKind) => filterProblems(analysis, { resolutionKind }))
    : [];
  const said = found.map((problem) => `${problemKindInfo[problem.kind].title}: ${JSON.stringify(problem)}`);
  if (!analysis.types) said.push("no types");
  for (const line of new Set(said)) process.stdout.write(`${basename(tarball)}: ${line}\n`);
  if (said.length > 0) process.exitCode = 1;
}
