import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import { emit } from "./emit/files.ts";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { compile, SCHEMA } from "./specification-fixture.ts";
import { analyze } from "./main.ts";

const ROOT = resolve(SCHEMA, "..");
const WARNINGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wdeclaration-after-statement", "-Wvla"];

test("two runs give the same bytes, those that are checked in, wherever the schema is", async (t) => {
  const copy = temporaryDirectory();
  for (const name of readdirSync(SCHEMA).toReversed())
    cpSync(join(SCHEMA, name), join(copy, name), { recursive: true });
  const first = await emit(analyze(SCHEMA));
  t.deepEqual([...(await emit(analyze(copy)))], [...first]);
  for (const [path, text] of first) t.true(readFileSync(join(ROOT, path), "utf8") === text, path);
});

test("git knows every output as generated", async (t) => {
  const paths = [...(await emit(analyze(SCHEMA))).keys()];
  const input = paths.join("\n");
  const answers = execFileSync("git", ["check-attr", "--stdin", "linguist-generated"], { cwd: ROOT, input });
  t.deepEqual(
    answers.toString().trimEnd().split("\n"),
    paths.map((path) => `${path}: linguist-generated: set`),
  );
  for (const path of paths) t.regex(readFileSync(join(ROOT, path), "utf8"), /Code generated from .* DO NOT EDIT\./);
});

test("the compiler knows no noun of the format", (t) => {
  const spec = analyze(SCHEMA);
  const nouns = new Set(
    [
      ...spec.structs.map((struct) => struct.name),
      ...spec.structs
        .flatMap((struct) => [...struct.fields, ...struct.unions.flatMap((union) => union.members)])
        .map(({ name }) => name),
      // A single word is too common.
      ...spec.functions.map((fn) => fn.name).filter((name) => /[A-Z]/.test(name)),
      ..."puzzlefs inode rootfs dirent chunk blob layer whiteout xattr symlink manifest verity seektable image metadata".split(
        " ",
      ),
    ].map((name) => name.toLowerCase()),
  );
  // Words of Cap'n Proto and of the language itself, and of English.
  const general = [
    ...spec.functions.filter((fn) => fn.module === spec.settings.wire).map((fn) => fn.name),
    ..."length offset size index file key val name entries kind unknown".split(" "),
  ];
  for (const name of general) nouns.delete(name.toLowerCase());
  const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^[^.]+\.ts$/.test(name),
  );
  for (const file of sources.filter((name) => name !== "specification-fixture.ts")) {
    const words = readFileSync(join(import.meta.dirname, file), "utf8").match(/[A-Za-z]+/g) ?? [];
    const parts = words.flatMap((word) => [word, ...word.split(/(?=[A-Z][a-z])/)]).map((word) => word.toLowerCase());
    t.deepEqual([...new Set(parts.filter((word) => nouns.has(word)))], [], file);
  }
});

for (const compiler of ["gcc", "clang"]) {
  test(`${compiler} finds nothing to warn of in the generated C`, (t) => {
    const directory = join(ROOT, "kernel/generated");
    for (const file of readdirSync(directory).filter((name) => name.endsWith(".c"))) {
      const args = [...WARNINGS, "-O2", "-c", join(directory, file), "-o", "/dev/null"];
      t.notThrows(() => execFileSync(compiler, args, { stdio: "pipe", encoding: "utf8" }), file);
    }
  });
}

test("the generated C needs no 64-bit division from a 32-bit kernel", (t) => {
  const directory = join(ROOT, "kernel/generated");
  const out = temporaryDirectory();
  for (const file of readdirSync(directory).filter((name) => name.endsWith(".c"))) {
    const object = join(out, `${file}.o`);
    const args = [
      "--target=i386-linux-gnu",
      "-ffreestanding",
      "-fno-pic",
      ...WARNINGS,
      "-O1",
      "-c",
      join(directory, file),
      "-o",
      object,
    ];
    execFileSync("clang", args, { stdio: "pipe" });
    t.notRegex(execFileSync("nm", ["-u", object], { encoding: "utf8" }), /__u?(div|mod)/, file);
  }
});

test("the generated C looks like the kernel's", (t) => {
  const directory = join(ROOT, "kernel/generated");
  for (const file of readdirSync(directory)) {
    const text = readFileSync(join(directory, file), "utf8");
    t.notRegex(text, /[ \t]$/m, `${file}: blanks at the end of a line`);
    t.notRegex(text, /^ {8}/m, `${file}: spaces where a tab belongs`);
    t.notRegex(text, /^\t+\{$/m, `${file}: a block of its own`);
    t.notRegex(text, /\n\n\n/, `${file}: two empty lines`);
    t.notRegex(text, /return \([^()]*\);/, `${file}: return is not a function`);
    const columns = (line: string): number => line.replaceAll("\t", "        ").length;
    const long = text.split("\n").filter((line) => columns(line) > 100 && !line.includes('"'));
    t.true(long.length <= 3, `${file}: ${long.join("\n")}`);
  }
});

/** A copy of the schema with some text replaced, which must be there. */
function edited(file: string, ...edits: [string, string][]): string {
  const copy = temporaryDirectory();
  cpSync(SCHEMA, copy, { recursive: true });
  let text = readFileSync(join(copy, file), "utf8");
  for (const [old, replacement] of edits) {
    if (!text.includes(old)) throw new Error(`${file} has no ${old}`);
    text = text.replace(old, replacement);
  }
  writeFileSync(join(copy, file), text);
  return copy;
}

/** A program that validates a message and prints the permissions of inode 2; `extra` prints more of it. */
const program = (extra: string): string => `
#include <stdio.h>
#include "kernel/generated/format.h"
static u8 bytes[1 << 20];
static u32 starts[513], links[4096], index[4096];
static u64 work, parents[4096], queue[4096];
int main(void)
{
	u32 length = fread(bytes, 1, sizeof(bytes), stdin);
	struct pfs_failure failure = { 0 };
	struct pfs_message message;
	struct pfs_rootfs image;
	struct pfs_summary summary;
	struct pfs_inode inode;
	struct pfs_scratch_u32 starts_scratch = { starts, 513 };
	if (!pfs_open_message((struct pfs_bytes) { bytes, length }, starts_scratch, &failure, &message) ||
	    !pfs_check_encoding(&message, (struct pfs_scratch_u53) { &work, 1 }, &failure, &image) ||
	    !pfs_validate(image, (struct pfs_scratch_u32) { links, 4096 }, (struct pfs_scratch_u53) { parents, 4096 },
			  (struct pfs_scratch_u53) { queue, 4096 }, &failure, &summary) ||
	    !pfs_index_names(image, summary.unsorted, (struct pfs_scratch_u32) { index, 4096 }, &failure)) {
		printf("%s", pfs_rule_names[failure.rule]);
		return 0;
	}
	printf("good");
	if (pfs_find_inode(image, 2, &inode)) {
		printf(" %u", pfs_inode_permissions(inode));
		${extra}
	}
	return 0;
}
`;

interface Format {
  encodeRootfs(value: unknown): Uint8Array;
  openMetadata(bytes: Uint8Array): { image: unknown };
  findInode(image: unknown, ino: number): Record<string, unknown> | undefined;
}

/** The verdicts of both implementations of a schema on the message that `value` becomes. */
async function verdicts(schema: string, value: unknown, more = ""): Promise<{ typescript: string; c: string }> {
  const out = await compile(schema);
  const source = join(out, "packages/format/src");
  const load = async (path: string): Promise<Format> => import(pathToFileURL(join(source, path)).href);
  const { encodeRootfs } = await load("generated/writer.ts");
  const { openMetadata } = await load("open.ts");
  const { findInode } = await load("generated/layers.ts");
  const message = encodeRootfs(value);
  let typescript: string;
  try {
    const inode = findInode(openMetadata(message).image, 2);
    const extra = more === "" ? [] : [inode?.[more]];
    typescript = ["good", ...(inode === undefined ? [] : [inode["permissions"], ...extra])].join(" ");
  } catch (error) {
    typescript = (error as { rule?: string }).rule ?? String(error);
  }
  const print = more === "" ? "" : `printf(" %llu", (unsigned long long)pfs_inode_${more}(inode));`;
  writeFileSync(join(out, "main.c"), program(print));
  const generated = readdirSync(join(out, "kernel/generated")).filter((file) => file.endsWith(".c"));
  const sources = ["main.c", "kernel/format_base.c", ...generated.map((file) => join("kernel/generated", file))];
  execFileSync("gcc", [...WARNINGS, ...sources, "-o", "judge"], { cwd: out, stdio: "pipe" });
  const c = execFileSync(join(out, "judge"), { input: message, encoding: "utf8" });
  execFileSync("capnp", ["compile", "-o-", join(out, "schema/generated/metadata.capnp")], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  return { typescript, c };
}

const both = (verdict: string): { typescript: string; c: string } => ({ typescript: verdict, c: verdict });

const owner = { uid: 0, gid: 0 };
const file = (ino: number, permissions: number, more = {}): object => ({
  ino,
  permissions,
  ...owner,
  mode: { kind: "file", file: [] },
  ...more,
});
const tree = (name: string): object => ({
  ino: 1,
  permissions: 0o755,
  ...owner,
  mode: { kind: "dir", dir: { entries: [{ ino: 2, name: Buffer.from(name) }] } },
});
/* Verdicts, each for another record of the file. */
const NEWER = "good 384";
const OLDER = "good 420";
const images = (name: string, more = {}): object => ({
  metadatas: [{ inodes: [tree(name), file(2, 0o600, more)] }, { inodes: [tree(name), file(2, 0o644)] }],
  fsVerityData: [],
  manifestVersion: 3,
});

test("an algorithm that passes over files of the newest layer changes both implementations", async (t) => {
  const search = "const position: u32 = searchFrom(layers.newest, layers.first, ino);";
  const schema = edited("layers.ts", [search, "const position: u32 = ino === ROOT_INO ? 0 : layers.newest.length;"]);
  t.deepEqual(await verdicts(SCHEMA, images("name")), both(NEWER));
  t.deepEqual(await verdicts(schema, images("name")), both(OLDER));
});

test("a rule that is taken out of validate is asked by neither implementation", async (t) => {
  const schema = edited("validate.ts", [`  if (isDots(name)) fail("dir-entry-name-dots", inode.ino, at);\n`, ""]);
  t.deepEqual(await verdicts(SCHEMA, images("..")), both("dir-entry-name-dots"));
  t.deepEqual(await verdicts(schema, images("..")), both(NEWER));
});

test("a new field and a rule about it reach every output", async (t) => {
  const field = "  mtimeNanoseconds: Added<U32<15>>;\n";
  const schema = edited("metadata.ts", [field, `${field}  /** Time of birth. */\n  born: Added<U53<16>>;\n`]);
  const rules = join(schema, "rules.ts");
  const validate = join(schema, "validate.ts");
  writeFileSync(
    rules,
    readFileSync(rules, "utf8").replace(
      "\n} as const",
      `\n  /** Born too late. */\n  "born-late": "corrupt",\n} as const`,
    ),
  );
  const before = `  if (inode.permissions > MAX_PERMISSIONS)`;
  const check = `  if (inode.born > 1000) fail("born-late", inode.ino, at);\n`;
  writeFileSync(validate, readFileSync(validate, "utf8").replace(before, `${check}${before}`));
  t.deepEqual(await verdicts(schema, images("name", { born: 77 }), "born"), both(`${NEWER} 77`));
  t.deepEqual(await verdicts(schema, images("name"), "born"), both(`${NEWER} 0`));
  t.deepEqual(await verdicts(schema, images("name", { born: 1001 }), "born"), both("born-late"));
});
