import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";
import { snake } from "../../packages/codegen/src/ir.ts";
import { CAPNP_FILE } from "./oracles.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface StructLayout {
  words: number;
  pointers: number;
  /** Bit offset, or "pointer n", of each member; `tag` is the tag of its union. */
  positions: Map<string, string>;
}

/** Where Cap'n Proto's own compiler puts every member. */
function layoutsOfTool(): Map<string, StructLayout> {
  const layouts = new Map<string, StructLayout>();
  let layout: StructLayout = { words: 0, pointers: 0, positions: new Map() };
  for (const line of execFileSync("capnp", ["compile", "-ocapnp", CAPNP_FILE], { encoding: "utf8" }).split("\n")) {
    const [, struct, bytes, pointers] = /^struct (\w+) .*# (\d+) bytes, (\d+) ptrs/.exec(line) ?? [];
    if (struct !== undefined)
      layouts.set(struct, (layout = { words: Number(bytes) / 8, pointers: Number(pointers), positions: new Map() }));
    const [, member, kind, at] = /^\s+(\w+) @\d+ .*# (bits|ptr)\[(\d+)/.exec(line) ?? [];
    if (member !== undefined && !line.includes(":Void"))
      layout.positions.set(member, kind === "ptr" ? `pointer ${at}` : `bit ${at}`);
    const [, tag] = /# tag bits \[(\d+)/.exec(line) ?? [];
    if (tag !== undefined) layout.positions.set("tag", `bit ${tag}`);
  }
  return layouts;
}

/** The location that the arguments of an accessor of wire.ts or wire.c describe. */
function positionOf(accessor: string, offset: string, mask: string | undefined): string {
  if (/^(struct|list|data)/.test(accessor)) return `pointer ${offset}`;
  return `bit ${Number(offset) * 8 + (mask === undefined ? 0 : Math.log2(Number(mask)))}`;
}

test("the generated TypeScript reads every member where Cap'n Proto has it", (t) => {
  const source = read("packages/format/src/generated/metadata.ts");
  const classes = new Map(source.split(/^export class /m).map((text) => [/^\w+/.exec(text)?.[0] ?? "", text]));
  for (const [struct, { positions }] of layoutsOfTool()) {
    const text = [struct, `${struct}Mode`].map((name) => classes.get(name) ?? "").join("");
    const found = new Map(
      [...text.matchAll(/get (\w+)\(\)[^{]*\{[^}]*?(\w+)Field\(this\.part, (\d+)(?:, (\d+))?\)/g)].map(
        ([, name = "", accessor = "", offset = "", mask]) => [
          name === "kind" ? "tag" : name,
          positionOf(accessor, offset, mask),
        ],
      ),
    );
    t.deepEqual(
      Object.fromEntries(found),
      Object.fromEntries([...positions].filter(([name]) => found.has(name))),
      struct,
    );
    t.deepEqual([...positions.keys()].toSorted(), [...found.keys()].toSorted(), struct);
  }
});

test("the generated C reads every member where Cap'n Proto has it", (t) => {
  const source = read("kernel/generated/metadata.h");
  for (const [struct, { positions }] of layoutsOfTool()) {
    for (const [member, position] of positions) {
      const names = [
        `pfs_${snake(struct)}_${snake(member)}`,
        `pfs_${snake(struct)}_mode_${member === "tag" ? "kind" : snake(member)}`,
      ];
      const accessor = new RegExp(
        `\\b(?:${names.join("|")})\\(struct [\\s\\S]*?pfs_(\\w+)_field\\(self\\.part,\\s*(\\d+)(?:, (\\d+))?\\)`,
      );
      const [, kind = "", offset = "", mask] = accessor.exec(source) ?? [];
      t.is(positionOf(kind, offset, mask), position, `${struct}.${member}`);
    }
  }
});

test("the generated writer reserves what Cap'n Proto does", (t) => {
  const source = read("packages/format/src/generated/writer.ts");
  const largest = (text: string | undefined): number =>
    Math.max(...[...(text ?? "").matchAll(/return (\d+);/g)].map(([, size]) => Number(size)));
  for (const [struct, { words, pointers }] of layoutsOfTool()) {
    const [, sizes, counts] =
      new RegExp(`const ${struct}Layout[\\s\\S]*?words: ([\\s\\S]*?)pointers: ([\\s\\S]*?)write: `).exec(source) ?? [];
    t.deepEqual({ words: largest(sizes), pointers: largest(counts) }, { words, pointers }, struct);
  }
});
