/**
 * Prints the dump of a mounted or extracted tree:
 *
 *     node dump.ts ROOT [--no-times] [--refusals]
 */
import { writeSync } from "node:fs";
import { dumpMounted } from "../dump.ts";
import { System } from "../system.ts";
import { nodeEnvironment } from "./environment.ts";

const [root, ...options] = process.argv.slice(2);
const lines: string[] = [];
dumpMounted(new System(nodeEnvironment()), root, (line) => void lines.push(`${line}\n`), {
  times: !options.includes("--no-times"),
  refusals: options.includes("--refusals"),
});
const text = Buffer.from(lines.join(""), "latin1");
for (let done = 0; done < text.length;) done += writeSync(1, text, done);
