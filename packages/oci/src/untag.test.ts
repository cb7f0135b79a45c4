import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { Layout } from "./image-layout.ts";
import { compareBlobs, neededOnlyBy, shareOut } from "./shares.ts";
import * as store from "./store-fixture.ts";
import { untag } from "./untag.ts";

const directory = temporaryDirectory();
let count = 0;
const fresh = (): string => join(directory, `store-${count++}`);

const descriptor = (tag: string | undefined, digit: string, platform = ""): string => {
  const annotations =
    tag === undefined ? "" : `, "annotations" : {"org.opencontainers.image.ref.name":"${tag}", "x": 1.0}`;
  return `{ "digest": "sha256:${digit.repeat(64)}","size" :1e0${platform}${annotations}\t}`;
};

const amd64 = ',"platform":{"os":"linux","architecture":"amd64"}';
const arm64 = ',"platform":{"os":"linux","architecture":"arm64", "variant":"v8"}';

/** A layout whose index.json is this text around these entries. */
function layoutOf(entries: readonly string[]): {
  layout: Layout;
  text: () => string;
  textOf: (entries: readonly string[]) => string;
} {
  const path = fresh();
  Layout.create(path).close();
  const textOf = (list: readonly string[]): string =>
    `{"schemaVersion":2, "other": [ 1 ],\n "manifests" : [ ${list.join(" ,\n")} ] }\n`;
  writeFileSync(join(path, "index.json"), textOf(entries));
  return { layout: Layout.open(path), text: () => readFileSync(join(path, "index.json"), "utf8"), textOf };
}

test("untag removes all entries of a tag, of any tool, and leaves the others byte for byte", (t) => {
  const entries = [
    descriptor("a", "1"),
    descriptor("b", "2", amd64),
    descriptor(undefined, "3"),
    '{"no": ["descriptor"]}',
    descriptor("b", "4", arm64),
    descriptor("c", "5"),
  ];
  const cases: [string, number[]][] = [
    ["a", [0]],
    ["b", [1, 4]],
    ["c", [5]],
    [`sha256:${"3".repeat(64)}`, [2]],
    ["3".repeat(64), [2]],
  ];
  for (const [reference, removed] of cases) {
    const { layout, text, textOf } = layoutOf(entries);
    t.is(untag(layout, reference).length, removed.length, reference);
    // A separator goes with the entry in front of it or behind it.
    const left = textOf(entries.filter((_, index) => !removed.includes(index)));
    t.is(text().replace("[ \n{", "[ {"), left, reference);
  }
});

test("untag of one platform leaves the tag's others", (t) => {
  const entries = [descriptor("b", "2", amd64), descriptor("b", "4", arm64), descriptor("b", "6")];
  const { layout, text, textOf } = layoutOf(entries);
  untag(layout, "b", { os: "linux", architecture: "arm64" });
  t.is(text(), textOf([entries[0], entries[2]]));
  t.throws(() => untag(layout, "b", { os: "linux", architecture: "s390x" }), {
    message: /no entry "b" for linux\/s390x, but for linux\/amd64, any platform$/,
  });
});

test("untag of what is not there changes nothing", (t) => {
  const { layout, text } = layoutOf([descriptor("a\u202e", "1")]);
  const before = text();
  t.throws(() => untag(layout, "b"), { message: /index.json: no entry "b"$/ });
  t.throws(() => untag(layout, "1".repeat(64)), { message: /without a tag; it has a\\u202e$/ });
  t.is(text(), before);
});

test("the last entry can go", (t) => {
  const { layout, text, textOf } = layoutOf([descriptor("a", "1")]);
  untag(layout, "a");
  t.deepEqual(layout.tags(), []);
  t.is(JSON.stringify(JSON.parse(text())), JSON.stringify(JSON.parse(textOf([]))));
});

/** The sum of the sizes of these contents. */
const bytes = (...contents: string[]): number => contents.join("").length;

test("an image shares what others need too, and would free the rest", (t) => {
  const path = fresh();
  const manifests = [
    store.commitImage(path, "v1", ["shared", "only in v1", "also in v1"]),
    store.commitImage(path, "v2", ["shared", "only in v2"]),
  ];
  using layout = Layout.open(path);
  const sizes = manifests.map((manifest) => layout.blobs.size(manifest) ?? 0);
  const [v1, v2, none] = shareOut(layout, [...manifests, "0".repeat(64)]);
  t.is(none, undefined);
  t.deepEqual(v1?.frees, { blobs: 4, bytes: bytes("metadata of v1", "only in v1", "also in v1") + sizes[0] });
  t.deepEqual(v1?.stored, { blobs: 6, bytes: (v1?.frees.bytes ?? 0) + bytes("shared", "{}") });
  t.deepEqual(v2?.frees, { blobs: 3, bytes: bytes("metadata of v2", "only in v2") + sizes[1] });
  t.deepEqual(neededOnlyBy(layout, [manifests[0]], [manifests[1]]), v1?.frees);
  t.deepEqual(neededOnlyBy(layout, manifests, []), {
    blobs: store.blobNames(path).length,
    bytes: store.blobNames(path).reduce((sum, name) => sum + (layout.blobs.size(name) ?? 0), 0),
  });
  t.is(neededOnlyBy(layout, [manifests[0]], ["0".repeat(64)]), undefined);
  t.deepEqual(
    shareOut(layout, [manifests[0], manifests[0]]).map((share) => share?.frees.blobs),
    [0, 0],
    "another tag of the same image keeps it",
  );
  const [a, b] = manifests.map((manifest) => ({ layout, manifest }));
  const { shared, onlyA, onlyB } = compareBlobs(a, b);
  t.deepEqual([onlyA, onlyB, shared], [v1?.frees, v2?.frees, { blobs: 2, bytes: bytes("shared", "{}") }]);
});
