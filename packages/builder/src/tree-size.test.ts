import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { TreeSize } from "./tree-size.ts";

test("the size of a tree counts regular files, hard links once, and follows no links", async (t) => {
  const root = temporaryDirectory();
  for (const name of ["tree", "tree/sub", "outside"]) mkdirSync(join(root, name));
  writeFileSync(join(root, "outside/large"), Buffer.alloc(100_000));
  writeFileSync(join(root, "tree/file"), Buffer.alloc(1000));
  writeFileSync(join(root, "tree/sub/file"), Buffer.alloc(200));
  linkSync(join(root, "tree/file"), join(root, "tree/sub/hard"));
  symlinkSync("../outside", join(root, "tree/directory"));
  symlinkSync("../outside/large", join(root, "tree/link"));
  const size = new TreeSize(join(root, "tree"), "subvolumes");
  while (size.bytes === undefined) await setImmediate();
  t.is(size.bytes, 1200);
  await size.stop();
});
