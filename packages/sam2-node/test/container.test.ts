/** The container and its services: what they install is what is published, and their commands are understood. */
import { readFile } from "node:fs/promises";
import { satisfies } from "semver";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { everythingCommand } from "../dist/command/everything.js";
import { serveCommand } from "../dist/command/serve.js";
import { workerCommand } from "../dist/command/worker.js";

interface Service {
  readonly image?: string;
  readonly build?: { readonly dockerfile: string };
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
  readonly volumes: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const FOLDER = new URL("../", import.meta.url);
const manifest = JSON.parse(await readFile(new URL("package.json", FOLDER), "utf8"));
const containerfile = await readFile(new URL("container/Containerfile", FOLDER), "utf8");
const compose: Compose = parse(await readFile(new URL("container/compose.yaml", FOLDER), "utf8"));
const COMMANDS = { serve: serveCommand, worker: workerCommand, everything: everythingCommand } as const;

/** What a service may say, of what the Compose Specification has. */
const KEYS = [
  "build",
  "command",
  "depends_on",
  "environment",
  "healthcheck",
  "image",
  "ports",
  "profiles",
  "restart",
  "stop_grace_period",
  "volumes",
];

test("the container's file has instructions that are known, and copies nothing from this repository", () => {
  const words = containerfile
    .replaceAll("\\\n", "")
    .split("\n")
    .filter((line) => /^[^#]/.test(line))
    .map((line) => line.split(" ")[0]);
  expect(words).toEqual(["FROM", "WORKDIR", "RUN", "ENV", "VOLUME", "USER", "ENTRYPOINT"]);
  expect(Object.keys(compose).sort()).toEqual(["services", "volumes"]);
});

test("the container has all that a command may need, and starts the package's bin", () => {
  const [, installed = ""] = /npm install ((?:.|\\\n)*?)&&/.exec(containerfile) ?? [];
  const words = installed.split(/[\s\\]+/).filter(Boolean);
  expect(words).toContain("--ignore-scripts");
  const packages = words.filter((word) => !word.startsWith("--"));
  expect(packages.sort()).toEqual(["sam2-node", "sam2-mini", ...Object.keys(manifest.peerDependencies)].sort());
  const [, entry = ""] = /^ENTRYPOINT (.*)$/m.exec(containerfile) ?? [];
  expect(JSON.parse(entry)).toEqual(["node", `/app/node_modules/sam2-node/${manifest.bin.sam2.slice(2)}`]);
  const [, node = ""] = /^FROM docker[.]io[/]library[/]node:(\d+)-/m.exec(containerfile) ?? [];
  expect(satisfies(`${node}.99.0`, manifest.engines.node)).toBe(true);
  expect(containerfile).toMatch(/^USER node$/m);
});

test.each([
  ["container/compose.yaml", "#   "],
  ["../../docs/guides/a-million-pictures.md", ""],
])("%s: each command has the token that the file asks for, and the folders are made first", async (file, begin) => {
  const text = await readFile(new URL(file, FOLDER), "utf8");
  const commands = text.split("\n").filter((line) => line.startsWith(begin) && /docker compose |mkdir /.test(line));
  expect(commands.map((line) => line.slice(begin.length))).toEqual([
    "mkdir pictures results",
    "SAM2_TOKEN=… docker compose up --scale worker=4",
    "SAM2_TOKEN=… docker compose run --rm everything",
  ]);
});

describe.each(Object.entries(compose.services))("service %s", (_, service) => {
  test("all that it says is of the Compose Specification", () => {
    expect(KEYS).toEqual(expect.arrayContaining(Object.keys(service)));
    if (service.healthcheck) expect(service.healthcheck.test[0]).toBe("CMD");
    // what others reach is reached from this machine only
    for (const port of service.ports ?? []) expect(port).toMatch(/^127[.]0[.]0[.]1:\d+:\d+$/);
    for (const volume of service.volumes) expect(volume).toMatch(/^(?:[.][/])?[a-z]+:[/][a-z/0-9]+(?::ro)?$/);
    // pictures that are begun take longer than the ten seconds that are the default
    if (/^(?:serve|worker)$/.test(service.command[0] as string)) expect(service.stop_grace_period).toBe("2m");
  });

  test("what it refers to is there", () => {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect([name, condition]).toEqual([name, "service_healthy"]);
      expect(compose.services[name]?.healthcheck).toBeDefined();
    }
    const named = service.volumes.filter((volume) => !volume.startsWith("."));
    for (const volume of named) expect(compose.volumes).toHaveProperty(volume.split(":")[0] as string);
    expect([service.image, service.build?.dockerfile].filter(Boolean)).toHaveLength(1);
  });

  test.skipIf(service.image)("its command is understood", async () => {
    const [name = "", ...args] = service.command;
    const taken: unknown[] = [];
    const command = COMMANDS[name as keyof typeof COMMANDS]()
      .exitOverride()
      .action((...given: unknown[]) => void taken.push(...given));
    const before = process.env.SAM2_QUEUE;
    Object.assign(process.env, service.environment);
    try {
      await command.parseAsync(args, { from: "user" });
    } finally {
      if (before === undefined) delete process.env.SAM2_QUEUE;
      else process.env.SAM2_QUEUE = before;
      delete process.env.SAM2_TOKEN;
    }
    expect(taken.length).toBeGreaterThan(0);
  });
});
