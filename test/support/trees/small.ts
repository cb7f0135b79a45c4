/** A small tree with one of everything that an ordinary user can make, for tests in which every byte costs time. */
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise, prose } from "@puzzlefs/testing";
import { setAcl, setUserAttributes } from "./attributes.ts";

/**
 * @param root must not exist
 * @param names entries of the directory "many", each empty; without it there is no such directory
 */
export function makeSmallTree(root: string, names = 0): void {
  const at = (...parts: string[]): string => join(root, ...parts);
  mkdirSync(at("a", "b", "c"), { recursive: true });
  mkdirSync(at("empty"));
  writeFileSync(at("a", "b", "c", "file"), prose(1, 60_000));
  linkSync(at("a", "b", "c", "file"), at("a", "second name"));
  for (let i = 0; i < 12; i++) writeFileSync(at("a", "b", `file ${i}`), prose(10 + i, i * 1500));
  writeFileSync(at("small"), prose(2, 100));
  // Half can be compressed.
  writeFileSync(at("large"), Buffer.concat([noise(3, 120_000), prose(4, 120_000)]));
  writeFileSync(at("sparse"), noise(5, 5000));
  truncateSync(at("sparse"), 300_000);
  symlinkSync("small", at("link"));
  symlinkSync("../target", at("a", "link"));
  execFileSync("mkfifo", [at("fifo")]);
  if (names > 0) mkdirSync(at("many"));
  for (let index = 0; index < names; index++) writeFileSync(at("many", `name ${index}`), "");
  writeFileSync(at("attributes"), "");
  setUserAttributes(Buffer.from(at("attributes")));
  setAcl(Buffer.from(at("attributes")), "access");
  setAcl(Buffer.from(at("a")), "access");
}
