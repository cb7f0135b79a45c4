import test from "ava";
import { parseFilters } from "./filter.ts";
import { Kind, membersOf, type Snapshot } from "./snapshot.ts";

const base: Snapshot = {
  id: 1,
  name: "default/1/sha256:ab",
  parent: "",
  parentId: undefined,
  kind: Kind.COMMITTED,
  created: 0,
  updated: 0,
  labels: { "containerd.io/snapshot.ref": "sha256:ab", plain: 'a "quoted", value', "a.b": "c", empty: "" },
  image: undefined,
  base: undefined,
  size: 0,
  inodes: 0,
};

const selected = (...filters: string[]): boolean => parseFilters(filters)(membersOf(base));

const cases: [filter: string, expected: boolean][] = [
  ["", true],
  ["kind==committed", true],
  ["kind!=committed", false],
  ["kind==active", false],
  // As containerd's metadata asks after ALREADY_EXISTS.
  ['labels."containerd.io/snapshot.ref"==sha256:ab,parent==""', true],
  ['labels."containerd.io/snapshot.ref"==sha256:cd,parent==""', false],
  ['labels."containerd.io/snapshot.ref"==sha256:ab,parent=="sha256:x"', false],
  ["labels.plain", true],
  ["labels.a.b==c", true],
  ['labels."a.b"==c', true],
  ["labels.missing", false],
  ["labels.missing==x", false],
  ["labels.missing!=x", true],
  ["labels.empty", true],
  ["name~=^default/[0-9]+/", true],
  ["name~=/^k8s/", false],
  ["name~=|ab$|", true],
  ['labels.plain=="a \\"quoted\\", value"', true],
  ['labels.plain=="a \\x22quoted\\u0022, value"', true],
  ["labels", false],
  ["other==x", false],
  ["labels.constructor", false],
];

for (const [filter, expected] of cases) {
  test(`filter ${filter} is ${expected}`, (t) => t.is(selected(filter), expected));
}

test("several filters select what any of them does", (t) => {
  t.true(selected());
  t.true(selected("kind==active", "kind==committed"));
  t.false(selected("kind==active", "kind==view"));
});

for (const wrong of [
  "==x",
  "kind=",
  "kind==",
  "kind==a b",
  "kind==a,",
  ",kind",
  'labels."a',
  "a..b",
  "name~=[",
  "kind=a",
]) {
  test(`filter ${wrong} is refused`, (t) => {
    t.throws(() => selected(wrong), { name: "SnapshotError" });
  });
}
