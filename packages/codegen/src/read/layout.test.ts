import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { emitCapnp } from "../emit/capnp.ts";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { scalar, VOID } from "../ir.ts";
import type { Field, Settings, StructType, UnionType } from "../ir.ts";
import { layOut } from "./layout.ts";

const WIRE = ["Bool", "UInt16", "UInt32", "UInt64", "Int64", "Data"] as const;

/** A struct's members in the order of their ordinals, with the union that they belong to. */
const members = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ wire: fc.constantFrom(...WIRE), union: fc.constant("") }) },
    { weight: 1, arbitrary: fc.record({ wire: fc.constantFrom("Void", "Data"), union: fc.constantFrom("u", "v") }) },
  ),
  { minLength: 1, maxLength: 40 },
);

function fieldOf(wire: string, ordinal: number): Field {
  const type = wire === "Void" ? VOID : wire === "Data" ? ({ is: "bytes" } as const) : scalar("u53");
  return { name: `m${ordinal}`, doc: "", ordinal, type, wire, slot: 0, added: false };
}

function structOf(list: readonly { wire: string; union: string }[], name: string): StructType {
  const fields = list.map(({ wire, union }, ordinal) => ({ union, field: fieldOf(wire, ordinal) }));
  const within = (wanted: string): Field[] => fields.filter(({ union }) => union === wanted).map(({ field }) => field);
  const unionOf = (member: string): UnionType => ({
    name: "",
    struct: name,
    member,
    doc: "",
    members: within(member),
    tag: 0,
  });
  // A union of one member is none to Cap'n Proto: its members become the struct's own.
  const unions = ["u", "v"].filter((member) => within(member).length > 1);
  const own = ["", "u", "v"].filter((member) => !unions.includes(member));
  return layOut({ name, doc: "", fields: own.flatMap(within), unions: unions.map(unionOf) });
}

/** The layout of a struct by this compiler, in the words of `capnp compile -ocapnp`. */
function described(struct: StructType): string[] {
  const positionOf = (field: Field): string => {
    if (field.type.is === "void") return "bits[0, 0)";
    if (field.type.is === "bytes") return `ptr[${field.slot}]`;
    const bits = { Bool: 1, UInt16: 16, UInt32: 32, UInt64: 64, Int64: 64 }[field.wire] ?? 0;
    return `bits[${field.slot}, ${field.slot + bits})`;
  };
  return [
    `struct ${struct.name} ${struct.words * 8} bytes, ${struct.pointers} ptrs`,
    ...[...struct.fields, ...struct.unions.flatMap((union) => union.members)].map(
      (field) => `${field.name} ${positionOf(field)}`,
    ),
    ...struct.unions.map((union) => `${union.member} tag bits [${union.tag}, ${union.tag + 16})`),
  ].toSorted();
}

/** The layouts by capnp, struct by struct. */
function fromCapnp(text: string): string[][] {
  const structs: string[][] = [];
  let union = "";
  for (const line of text.split("\n")) {
    const [, struct, sizes] = /struct (\w+) .*# (\d+ bytes, \d+ ptrs)/.exec(line) ?? [];
    if (struct !== undefined) structs.push([`struct ${struct} ${sizes}`]);
    const [, member, position] = /^\s*(\w+) @\d+ :\w+;\s+# (ptr\[\d+\]|bits\[\d+, \d+\))/.exec(line) ?? [];
    if (member !== undefined) structs.at(-1)?.push(`${member} ${position}`);
    union = /^\s*(\w+) :group/.exec(line)?.[1] ?? union;
    const [, tag] = /union \{\s+# (tag bits \[\d+, \d+\))/.exec(line) ?? [];
    if (tag !== undefined) structs.at(-1)?.push(`${union} ${tag}`);
  }
  return structs.map((lines) => lines.toSorted());
}

test("members are where Cap'n Proto's own compiler puts them", (t) => {
  const lists = fc.sample(members, { numRuns: 400, seed: 7 });
  const structs = lists.map((list, position) => structOf(list, `S${position}`));
  const settings = { structs: "structs", capnpId: "0x84ae5e6e88b7cbb7" } as Settings;
  const directory = temporaryDirectory();
  const file = join(directory, "s.capnp");
  writeFileSync(
    file,
    emitCapnp({ settings, structs, values: [], constants: [], functions: [], rules: [], checks: "" }),
  );
  const printed = execFileSync("capnp", ["compile", "-ocapnp", file], {
    encoding: "utf8",
    cwd: directory,
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.deepEqual(structs.map(described), fromCapnp(printed));
});
