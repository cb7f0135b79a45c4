import { readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Layout } from "@puzzlefs/oci";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { extract } from "./extract.ts";
import type { ExtractResult } from "./extract.ts";
import { openImage } from "./image.ts";
import { dir, file, ImageFixture, run } from "./image-fixture.ts";

const isRoot = process.geteuid?.() === 0;
const EXT4 = 0xef53;
const target = temporaryDirectory();
const isExt4 = statfsSync(target).type === EXT4;

function extractImage(image: ImageFixture, into: string): ExtractResult {
  const tree = openImage(Layout.open(image.directory), "v1");
  try {
    return extract(tree, into);
  } finally {
    tree.close();
    image.remove();
  }
}

(isExt4 ? test : test.skip)("more names than a file may have are copies, linked to each other (needs ext4)", (t) => {
  const most = 65_000;
  const image = new ImageFixture();
  const content = [run(image.chunk(Buffer.from("content")), 0, 7)];
  const names = Object.fromEntries(Array.from({ length: most + 2 }, (_, i) => [String(i).padStart(5, "0"), 2]));
  image.image("v1", { metadatas: [{ inodes: [dir(1, names), file(2, content)] }] });
  const into = join(target, "links");
  const { warnings, inodes } = extractImage(image, into);
  t.is(inodes, 2);
  const [warning, ...others] = warnings;
  t.like(warning, { what: "hard link", loss: "copied", code: "EMLINK", count: 1, examples: ["/65000"] });
  t.deepEqual(others, []);
  t.deepEqual(
    ["00000", "64999", "65000", "65001"].map((name) => statSync(join(into, name)).nlink),
    [most, most, 2, 2],
  );
  t.is(readFileSync(join(into, "65001"), "utf8"), "content");
});

(isRoot ? test : test.skip)("a program does not run with the rights of the id that means none (needs root)", (t) => {
  const none = 0xffffffff;
  const image = new ImageFixture();
  const inodes = [
    dir(1, { both: 2, group: 3, user: 4 }),
    file(2, [], { uid: none, gid: none, permissions: 0o6755 }),
    file(3, [], { uid: 5, gid: none, permissions: 0o6755 }),
    file(4, [], { uid: none, gid: 6, permissions: 0o6755 }),
  ];
  image.image("v1", { metadatas: [{ inodes }] });
  const into = join(target, "ids");
  const { warnings } = extractImage(image, into);
  t.deepEqual(
    warnings.map(({ what, count }) => [what, count]),
    [
      ["owner", 3],
      ["set-id bits", 3],
    ],
  );
  const found = readdirSync(into).map((name) => {
    const { uid, gid, mode } = statSync(join(into, name));
    return [name, uid, gid, (mode & 0o7777).toString(8)];
  });
  t.deepEqual(found, [
    ["both", 0, 0, "755"],
    ["group", 5, 0, "4755"],
    ["user", 0, 6, "2755"],
  ]);
});
