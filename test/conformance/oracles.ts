/**
 * Two readers of Cap'n Proto that others wrote, the `capnp` tool and capnp-es: what they read of a message, in the
 * words of dump.ts.
 */
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Message, utils } from "capnp-es";
import type { Struct } from "capnp-es";
import type { Field, UnionType } from "../../packages/codegen/src/ir.ts";
import { ROOT, madeOnce } from "./cache.ts";
import type { Structs } from "./spec.ts";

export const CAPNP_FILE = join(ROOT, "schema/generated/metadata.capnp");

/** How a reader returns the members of its structs. `undefined`: absent, which reads as zero or empty. */
interface Reading {
  member(struct: unknown, field: Field): unknown;
  /** The view that has the members of a union, and which one is there. */
  union(struct: unknown, union: UnionType): [members: unknown, present: string];
}

/** Times are read up to 2^53 - 1, either way. */
function clamped(number: bigint): bigint {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return number > limit ? limit : number < -limit ? -limit : number;
}

function valueText(structs: Structs, value: unknown, { type }: Field, reading: Reading): string {
  if (type.is === "void") return "null";
  if (type.is === "struct") return structText(structs, value, type.name, reading);
  if (type.is === "bytes") return `"${Buffer.from((value ?? []) as Uint8Array).toString("hex")}"`;
  if (type.is === "list") {
    return `[${Array.from((value ?? []) as Iterable<unknown>, (item) => structText(structs, item, type.element, reading)).join(",")}]`;
  }
  if (type.is === "scalar" && type.name === "bool") return value === true ? "true" : "false";
  return String(clamped(BigInt((value ?? 0) as string | number | bigint)));
}

function structText(structs: Structs, view: unknown, name: string, reading: Reading): string {
  const struct = structs.structs.find((candidate) => candidate.name === name);
  const fields = struct?.fields.map(
    (field) => `"${field.name}":${valueText(structs, reading.member(view, field), field, reading)}`,
  );
  const unions = struct?.unions.map((union) => {
    const [members, present] = reading.union(view, union);
    const field = union.members.find((member) => member.name === present);
    const text = field === undefined ? "null" : valueText(structs, reading.member(members, field), field, reading);
    return `"${union.member}":{"${present}":${text}}`;
  });
  return `{${[...(fields ?? []), ...(unions ?? [])].join(",")}}`;
}

/** The output of `capnp convert`: numbers of 64 bits as strings, bytes as arrays, nothing for null. */
const JSON_READING: Reading = {
  member: (struct, field) => (struct as Record<string, unknown> | undefined)?.[field.name],
  union: (struct, union) => {
    const members = (struct as Record<string, object> | undefined)?.[union.member] ?? {};
    return [members, Object.keys(members)[0] ?? union.members[0]?.name ?? ""];
  },
};

/** Reads messages with the `capnp` tool, all at once. */
export function readByTool(structs: Structs, messages: readonly Uint8Array[]): string[] {
  // --quiet: it must not guess from a small message that it is something else.
  const args = ["convert", "binary:json", "--short", "--quiet", CAPNP_FILE, structs.settings.root];
  const output = execFileSync("capnp", args, {
    input: Buffer.concat(messages),
    maxBuffer: 2 ** 30,
    encoding: "utf8",
    // In the error, and not in the output of the tests.
    stdio: "pipe",
  });
  const lines = output.trimEnd().split("\n");
  return lines.map((line) => structText(structs, JSON.parse(line), structs.settings.root, JSON_READING));
}

/** Module that capnp-es' compiler writes for the generated Cap'n Proto schema. */
async function compiledSchema(): Promise<Record<string, unknown>> {
  const hash = createHash("sha256").update(readFileSync(CAPNP_FILE)).digest("hex").slice(0, 16);
  const directory = await madeOnce(`capnp-es-${hash}`, async (temporary) => {
    const compiler = join(ROOT, "test/node_modules/capnp-es/dist/compiler/capnpc-js.mjs");
    const args = [compiler, `-ojs:${temporary}`, `--src-prefix=${dirname(CAPNP_FILE)}`, CAPNP_FILE];
    mkdirSync(temporary);
    // It type-checks what it has written, which finds capnp-es from the tests' directory only.
    const compiling = promisify(execFile)(process.execPath, args, { cwd: join(ROOT, "test") });
    // As long as its input is open, it waits for a request there.
    compiling.child.stdin?.end();
    await compiling;
  });
  return (await import(join(directory, "metadata.js"))) as Record<string, unknown>;
}

type StructType = Parameters<Message["getRoot"]>[0];

/** capnp-es' getters; a union's members are getters of a group, whose `which()` returns the present one. */
const GETTER_READING: Reading = {
  member: (struct, field) => {
    if (field.type.is === "void") return null;
    const value = (struct as Record<string, unknown>)[field.name];
    return field.type.is === "bytes" ? (value as { toUint8Array(): Uint8Array }).toUint8Array() : value;
  },
  union: (struct, union) => {
    const group = (struct as Record<string, Struct>)[union.member] as Struct;
    const present = union.members[utils.getUint16(union.tag / 8, group)];
    return [group, present?.name ?? "invalid"];
  },
};

/** Reads messages with capnp-es. */
export async function readByCapnpEs(structs: Structs, messages: readonly Uint8Array[]): Promise<string[]> {
  const types = await compiledSchema();
  const type = types[structs.settings.root] as StructType;
  // A getter of a null pointer may write into the message: it gets a copy.
  return messages.map((bytes) =>
    structText(structs, new Message(bytes.slice(), false).getRoot(type), structs.settings.root, GETTER_READING),
  );
}
