/** What LICENSES.md has to hold. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";

/** A sentence of each license that is used here, by its SPDX identifier. */
const SENTENCES: Readonly<Record<string, RegExp>> = {
  MIT: /Permission is hereby granted, free of charge, to any person obtaining\s+a copy/,
  ISC: /Permission to use, copy, modify, and\/or distribute this software/,
  "Apache-2.0": /TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION/,
  Unlicense: /free and unencumbered software released into the public domain/,
  Zlib: /This software is provided 'as-is', without any express or implied warranty/,
  "BSD-3-Clause": /Redistribution and use in source and binary forms/,
};

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly license?: string }>>;
}

/** Checks that each package has its version, its license, whose copyright it is, and the text; returns the names. */
export function expectWholeLicenses(markdown: string): string[] {
  const { packages } = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")) as Lockfile;
  const sections = markdown.split(/^## /m).slice(1);
  return sections.map((section) => {
    const [, name = "", version, license = ""] = /^(\S+) - (\S+) \((.+)\)\n/.exec(section) ?? [];
    const installed = Object.entries(packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
    expect(installed.map(([, { version, license }]) => ({ version, license }))).toContainEqual({ version, license });
    const identifiers = license.match(/[\w.-]+/g)?.filter((word) => word !== "AND") ?? [];
    expect(identifiers, name).not.toEqual([]);
    for (const identifier of identifiers)
      expect(section, name).toMatch(SENTENCES[identifier] ?? /^an unknown license$/);
    if (license !== "Unlicense") expect(section, name).toMatch(/Copyright (?!\[|notice|owner|license)\S*\s*\w+/i);
    expect(section, name).not.toMatch(/<year>|<copyright holders>|<owner>/);
    return name;
  });
}
