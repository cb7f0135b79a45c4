import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import test from "ava";
import { Workplace } from "./program-fixture.ts";
import { TreeSize } from "./tree-size.ts";

test("the size of a tree: regular files, hard links once, and nothing that links lead to", async (t) => {
  using place = new Workplace();
  for (const name of ["tree", "tree/sub", "outside"]) mkdirSync(place.path(name));
  writeFileSync(place.path("outside/large"), Buffer.alloc(100_000));
  writeFileSync(place.path("tree/file"), Buffer.alloc(1000));
  writeFileSync(place.path("tree/sub/file"), Buffer.alloc(200));
  linkSync(place.path("tree/file"), place.path("tree/sub/hard"));
  symlinkSync("../outside", place.path("tree/directory"));
  symlinkSync("../outside/large", place.path("tree/link"));
  const size = new TreeSize(place.path("tree"), "subvolumes");
  while (size.bytes === undefined) await setImmediate();
  t.is(size.bytes, 1200);
  await size.stop();
});
