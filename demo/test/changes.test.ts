/** The log's changes: what they make, and what becomes of two windows' changes at once. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EMPTY_PROJECT, type LabeledImage, type LabeledObject, type Project } from "../src/labels/annotations.ts";
import { applied, changesBetween } from "../src/labels/changes.ts";
import { distinct } from "../src/labels/names.ts";
import { reconciled, reconciledObjects } from "../src/labels/reconcile.ts";

const rle = (counts: string): LabeledObject["rle"] => ({ size: [2, 2], counts });
const object = (id: string, className = "cat", counts = "04"): LabeledObject => ({
  id,
  className,
  rle: rle(counts),
  name: "",
  hidden: false,
  locked: false,
});
const image = (id: string, objects: readonly LabeledObject[] = [], name = `${id}.jpg`): LabeledImage => ({
  id,
  sha256: id,
  name,
  width: 2,
  height: 2,
  objects,
});
const cat = { name: "cat", color: "#111111" };
const dog = { name: "dog", color: "#222222" };
const project = (...images: LabeledImage[]): Project => ({ classes: [cat], images });

const anyId = fc.constantFrom("a", "b", "c", "d", "e", "f");
const anyObjects = fc.uniqueArray(
  fc.record({
    id: anyId,
    className: fc.constantFrom("cat", "dog"),
    rle: fc.constantFrom(rle("04"), rle("13")),
    name: fc.constantFrom("", "Tom"),
    hidden: fc.boolean(),
    locked: fc.boolean(),
  }),
  { selector: ({ id }) => id },
);
/** Objects have ids of their own image here, as they have in life. */
const anyProject: fc.Arbitrary<Project> = fc.record({
  classes: fc.constantFrom([cat, dog], [dog, cat]),
  images: fc
    .uniqueArray(
      fc.record({
        id: anyId,
        sha256: fc.constantFrom("1", null),
        name: fc.constantFrom("1.jpg", "2.jpg"),
        width: fc.constant(2),
        height: fc.constant(2),
        objects: anyObjects,
      }),
      { selector: ({ id }) => id },
    )
    .map((images) =>
      images.map((each) => ({
        ...each,
        objects: each.objects.map((inside) => ({ ...inside, id: `${each.id}/${inside.id}` })),
      })),
    ),
});

describe("a project is the fold of its changes", () => {
  test("any project becomes any other", () => {
    fc.assert(
      fc.property(anyProject, anyProject, (before, after) => {
        const changes = changesBetween(before, after);
        expect(applied(before, structuredClone(changes))).toEqual(after);
        expect(changesBetween(after, structuredClone(after))).toEqual([]);
      }),
    );
  });

  test("what is as it was is the same value, and no change", () => {
    const [one, two] = [image("1", [object("a")]), image("2", [object("b")])];
    const after = applied(project(one, two), [{ kind: "object-deleted", image: "1", object: "a" }]);
    expect(after.images).toEqual([image("1"), two]);
    expect(after.images[1]).toBe(two);
  });

  test.each<[string, Project, Project, string[]]>([
    ["a picture with an object", project(), project(image("1", [object("a")])), ["image", "object"]],
    [
      "a field of an object",
      project(image("1", [object("a")])),
      project(image("1", [object("a", "dog")])),
      ["object-changed"],
    ],
    [
      "a field that is no longer set",
      project(image("1", [{ ...object("a"), score: 0.5, checked: true }])),
      project(image("1", [{ ...object("a"), score: 0.5 }])),
      ["object-changed"],
    ],
    ["another name", project(image("1")), project(image("1", [], "b.jpg")), ["image"]],
    [
      "an order",
      project(image("1", [object("a"), object("b")])),
      project(image("1", [object("b"), object("a")])),
      ["objects-ordered"],
    ],
  ])("%s is as small a change", (_, before, after, kinds) => {
    const changes = changesBetween(before, after);
    expect(changes.map(({ kind }) => kind)).toEqual(kinds);
    expect(applied(before, structuredClone(changes))).toEqual(after);
  });
});

describe("two windows at once", () => {
  const base = project(image("1", [object("a"), object("b")]), image("2"));
  const withObjects = (...objects: LabeledObject[]): Project => project(image("1", objects), image("2"));
  const [a, b, c, d] = [object("a"), object("b"), object("c"), object("d")];

  test.each<[string, theirs: Project, ours: Project, expected: Project]>([
    ["both add", withObjects(a, b, c), withObjects(a, b, d), withObjects(a, b, c, d)],
    ["both delete", withObjects(a), withObjects(b), withObjects()],
    ["one deletes, the other adds", withObjects(a), withObjects(a, b, c), withObjects(a, c)],
    ["they delete what we changed", withObjects(a), withObjects(a, object("b", "dog")), withDog(a, object("b", "dog"))],
    ["we delete what they changed", withObjects(a, object("b", "dog")), withObjects(a), withDog(a, object("b", "dog"))],
    [
      "each changes another field",
      withObjects(a, { ...b, hidden: true }),
      withObjects(a, { ...b, name: "Tom" }),
      withObjects(a, { ...b, hidden: true, name: "Tom" }),
    ],
    [
      "of two masks the one that is kept stays",
      withObjects(a, object("b", "cat", "13")),
      withObjects(a, object("b", "cat", "22")),
      withObjects(a, object("b", "cat", "13")),
    ],
    ["they sort, we add", withObjects(b, a), withObjects(a, b, c), withObjects(b, a, c)],
    [
      "they delete a picture that we label",
      project(image("2")),
      withObjects(a, b, c),
      project(image("2"), image("1", [c])),
    ],
    [
      "we delete a picture that they label",
      withObjects(a, b, c),
      project(image("2")),
      project(image("1", [c]), image("2")),
    ],
    ["both delete a picture", project(image("2")), project(image("2")), project(image("2"))],
    [
      "they delete what we changed and changed back: its fields are not set",
      project(image("2")),
      project({ ...image("1", [{ ...a, checked: undefined }, b]), review: undefined }, image("2")),
      project(image("2")),
    ],
    [
      "we delete what they changed and changed back: its fields are not set",
      project({ ...image("1", [a, { ...b, checked: undefined }]), review: undefined }, image("2")),
      project(image("2")),
      project(image("2")),
    ],
    [
      "each sets a field that was not set",
      project({ ...image("1", [a, b]), review: "done" }, image("2")),
      project({ ...image("1", [a, b]), seconds: 7 }, image("2")),
      project({ ...image("1", [a, b]), review: "done", seconds: 7 }, image("2")),
    ],
    [
      "both take the same picture in",
      project(...base.images, image("3", [c])),
      project(...base.images, image("3", [d])),
      project(...base.images, image("3", [c, d])),
    ],
  ])("%s", (_, theirs, ours, expected) => {
    expect(reconciled(base, theirs, ours)).toEqual(expected);
  });

  /** A class that is missing gets the first free color. */
  function withDog(...objects: LabeledObject[]): Project {
    return { ...withObjects(...objects), classes: [cat, { name: "dog", color: "#1d6ed8" }] };
  }

  test("they rename a class that we label with: it is there again", () => {
    const theirs: Project = { classes: [{ ...cat, name: "lynx" }], images: [image("1", [object("a", "lynx")])] };
    const before = project(image("1", [a]));
    const both = reconciled(before, theirs, project(image("1", [a, b])));
    expect(both.classes).toEqual([{ ...cat, name: "lynx" }, cat]);
    expect(both.images[0]?.objects).toEqual([object("a", "lynx"), b]);
  });

  test("where one side has changed nothing, the other's is the project", () => {
    fc.assert(
      fc.property(anyProject, anyProject, (before, after) => {
        expect(reconciled(before, structuredClone(before), after).images).toEqual(after.images);
        expect(reconciled(before, after, structuredClone(before)).images).toEqual(after.images);
      }),
    );
  });

  test("nothing is there twice; what either adds is there; what is gone, one of them has deleted", () => {
    const idsOf = ({ images }: Project): string[] => images.flatMap(({ objects }) => objects.map(({ id }) => id));
    fc.assert(
      fc.property(anyProject, anyProject, anyProject, (before, theirs, ours) => {
        const ids = idsOf(reconciled(before, theirs, ours));
        expect(new Set(ids).size).toBe(ids.length);
        const had = new Set(idsOf(before));
        for (const id of [...idsOf(theirs), ...idsOf(ours)]) if (!had.has(id)) expect(ids).toContain(id);
        for (const id of had) if (idsOf(theirs).includes(id) && idsOf(ours).includes(id)) expect(ids).toContain(id);
      }),
    );
  });

  test("a picture that one side deleted is gone, though the other has spent time on it", () => {
    const [one, timed] = [image("1", [object("a")]), { ...image("1", [object("a")]), seconds: 7 }];
    expect(reconciled(project(one), project(timed), project()).images).toEqual([]);
    expect(reconciled(project(one), project(), project(timed)).images).toEqual([]);
    const named = { ...timed, name: "named" };
    expect(reconciled(project(one), project(), project(named)).images).toEqual([{ ...named, objects: [] }]);
  });

  test("a step that can be undone takes over what another window did", () => {
    // the step had a alone; since then b was added here, and c elsewhere
    expect(reconciledObjects([a, b], [a, b, c], [a])).toEqual([a, c]);
    expect(reconciledObjects([a, b], [b], [a])).toEqual([]);
  });
});

test.each<[string[], string[]]>([
  [
    ["a.jpg", "b.jpg"],
    ["a.jpg", "b.jpg"],
  ],
  [
    ["a.jpg", "a.jpg", "a.jpg"],
    ["a.jpg", "a-2.jpg", "a-3.jpg"],
  ],
  [
    ["a.jpg", "a.jpg", "a-2.jpg"],
    ["a.jpg", "a-3.jpg", "a-2.jpg"],
  ],
  [
    ["a.jpg", "A.JPG", "b/a.jpg", "b/a.jpg"],
    ["a.jpg", "A-2.JPG", "b/a.jpg", "b/a-2.jpg"],
  ],
  [
    ["photo", "photo", ".hidden", ".hidden"],
    ["photo", "photo-2", ".hidden", ".hidden-2"],
  ],
])("names that meet are numbered: %j", (names, expected) => {
  expect(distinct(names)).toEqual(expected);
});

test("an empty project has nothing to keep", () => {
  expect(changesBetween(EMPTY_PROJECT, EMPTY_PROJECT)).toEqual([]);
});
