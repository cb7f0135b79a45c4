import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as abi from "./abi.ts";
import { struct, u32, u64 } from "./struct-offsets.ts";

const HEADER = "/usr/include/linux/fuse.h";

test("struct refuses padding and wrong sizes", (t) => {
  t.deepEqual(struct(16, { first: u64, second: u32, third: u32 }), { first: 0, second: 8, third: 12 });
  t.throws(() => struct(12, { first: u32, second: u64 }), { message: /not aligned/ });
  t.throws(() => struct(16, { first: u64 }), { message: /8 bytes, expected 16/ });
});

/** [C expression, our number]: offsets and sizes of structs, opcodes and flags. */
function expectations(): [string, number][] {
  const rows: [string, number][] = [];
  const offsets = (name: string, fields: Record<string, number>): void => {
    for (const [field, at] of Object.entries(fields)) rows.push([`offsetof(struct ${name}, ${field})`, at]);
  };
  const size = (name: string, bytes: number): void => void rows.push([`sizeof(struct ${name})`, bytes]);
  const { flags2: _, ...initIn } = abi.initIn;
  const { total_extlen: _extensions, padding: _padding, ...inHeader } = abi.inHeader;
  offsets("fuse_in_header", inHeader);
  offsets("fuse_out_header", abi.outHeader);
  offsets("fuse_init_in", initIn);
  offsets("fuse_init_out", abi.initOut);
  offsets("fuse_attr", { ...abi.attr });
  offsets("fuse_entry_out", abi.entryOut);
  offsets("fuse_attr_out", abi.attrOut);
  offsets("fuse_dirent", abi.dirent);
  offsets("fuse_read_in", abi.readIn);
  offsets("fuse_lseek_in", abi.lseekIn);
  offsets("fuse_lseek_out", abi.lseekOut);
  offsets("fuse_getxattr_in", abi.getxattrIn);
  offsets("fuse_getxattr_out", abi.getxattrOut);
  offsets("fuse_kstatfs", abi.statfsOut);
  size("fuse_in_header", abi.IN_HEADER_SIZE);
  size("fuse_out_header", abi.OUT_HEADER_SIZE);
  size("fuse_init_out", abi.INIT_OUT_SIZE);
  size("fuse_attr", abi.ATTR_SIZE);
  size("fuse_entry_out", abi.ENTRY_OUT_SIZE);
  size("fuse_attr_out", abi.ATTR_OUT_SIZE);
  size("fuse_dirent", abi.DIRENT_SIZE);
  size("fuse_direntplus", abi.ENTRY_OUT_SIZE + abi.DIRENT_SIZE);
  size("fuse_read_in", abi.READ_IN_SIZE);
  size("fuse_lseek_in", abi.LSEEK_IN_SIZE);
  size("fuse_lseek_out", abi.LSEEK_OUT_SIZE);
  size("fuse_getxattr_in", abi.GETXATTR_IN_SIZE);
  size("fuse_getxattr_out", abi.GETXATTR_OUT_SIZE);
  size("fuse_kstatfs", abi.STATFS_OUT_SIZE);
  // STATX came with 7.39.
  const { STATX: _statx, ...opcodes } = abi.Opcode;
  for (const [name, code] of Object.entries(opcodes)) rows.push([`FUSE_${name}`, code]);
  for (const [name, bit] of Object.entries(abi.InitFlag)) rows.push([`FUSE_${name}`, bit]);
  return rows;
}

/** Why the comparison with the header cannot be made here, if it cannot. */
function obstacle(): string | undefined {
  if (spawnSync("cc", ["--version"]).status !== 0) return "no C compiler";
  let minor: string | undefined;
  try {
    minor = /define FUSE_KERNEL_MINOR_VERSION (\d+)/.exec(readFileSync(HEADER, "latin1"))?.[1];
  } catch {
    return `no ${HEADER}`;
  }
  return Number(minor) < 38 ? `${HEADER} is of 7.${minor}, older than 7.38` : undefined;
}

test("offsets, sizes, opcodes and flags are those of the kernel's header", (t) => {
  const reason = obstacle();
  if (reason !== undefined) {
    t.log(`skipped: ${reason}`);
    t.pass();
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "puzzlefs-abi-"));
  try {
    const rows = expectations();
    const checks = rows.map(
      ([expression, value]) => `_Static_assert((unsigned)(${expression}) == ${value >>> 0}u, "");`,
    );
    const source = `#include <stddef.h>\n#include <linux/fuse.h>\n${checks.join("\n")}\n`;
    writeFileSync(join(directory, "abi.c"), source);
    execFileSync("cc", ["-fsyntax-only", join(directory, "abi.c")]);
    t.true(rows.length > 100);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
