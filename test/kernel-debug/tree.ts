/** A small tree with one of everything: under the debug kernel each byte costs. */
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setAcl, setUserAttributes } from "../support/trees/attributes.ts";
import { randomBytes, textBytes } from "../support/trees/content.ts";

const manyNames = 300;

/** What test/posix-suite/src/faults.ts looks at. */
export function makeSmallTree(root: string): void {
  const at = (...names: string[]): string => join(root, ...names);
  mkdirSync(at("a", "b", "c"), { recursive: true });
  writeFileSync(at("a", "b", "c", "file"), textBytes(60_000, 1));
  linkSync(at("a", "b", "c", "file"), at("a", "second name"));
  writeFileSync(at("small"), textBytes(100, 2));
  // Half can be compressed.
  writeFileSync(at("large"), Buffer.concat([randomBytes(120_000, 3), textBytes(120_000, 4)]));
  symlinkSync("small", at("link"));
  mkdirSync(at("many"));
  for (let index = 0; index < manyNames; index++) writeFileSync(at("many", `name ${index}`), "");
  writeFileSync(at("attributes"), "");
  setUserAttributes(Buffer.from(at("attributes")));
  setAcl(Buffer.from(at("attributes")), "access");
  chmodSync(at("a"), 0o750);
}
