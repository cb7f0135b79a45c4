import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import test from "ava";
import { TestDirectory } from "./program-fixture.ts";
import { TreeSize } from "./tree-size.ts";

test("the size of a tree counts regular files, hard links once, and follows no links", async (t) => {
  using directory = new TestDirectory();
  for (const name of ["tree", "tree/sub", "outside"]) mkdirSync(directory.path(name));
  writeFileSync(directory.path("outside/large"), Buffer.alloc(100_000));
  writeFileSync(directory.path("tree/file"), Buffer.alloc(1000));
  writeFileSync(directory.path("tree/sub/file"), Buffer.alloc(200));
  linkSync(directory.path("tree/file"), directory.path("tree/sub/hard"));
  symlinkSync("../outside", directory.path("tree/directory"));
  symlinkSync("../outside/large", directory.path("tree/link"));
  const size = new TreeSize(directory.path("tree"), "subvolumes");
  while (size.bytes === undefined) await setImmediate();
  t.is(size.bytes, 1200);
  await size.stop();
});
