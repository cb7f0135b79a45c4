/** FIEMAP and statx(2) of the driver, beside the source files on ext4. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { encodeRootfs, type InodeValue } from "@puzzlefs/format";
import { type KernelName, type Machine, manifestOf, storeDisk } from "@puzzlefs/qemu";
import { noise } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { CostlyStore } from "./costly-images.ts";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";

const kibi = 1024;
const mebi = 1024 * kibi;
const blockBytes = 4096;

/** Files: their sizes and where they have data. Holes are whole blocks of 64 KiB, as images have only these. */
const files: Readonly<Record<string, { size: number; data: readonly [from: number, length: number][] }>> = {
  empty: { size: 0, data: [] },
  hole: { size: 3 * mebi, data: [] },
  dense: { size: 300_001, data: [[0, 300_001]] },
  sparse: {
    size: 5 * mebi + 100,
    data: [
      [128 * kibi, 192 * kibi],
      [mebi, 64 * kibi],
      [3 * mebi, 2 * mebi + 100],
    ],
  },
  tail: { size: 2 * mebi, data: [[0, 64 * kibi]] },
};
/** A TiB with one block of data at its end. */
const large = { size: 2 ** 40, data: 64 * kibi };

const ioctlFiemap = 0xc020660b;
/** `lua /fiemap.lua FILE START LENGTH COUNT FLAGS`: prints the result, the mapped extents, then LOGICAL LENGTH FLAGS of each. */
const fiemap = `
  local file = sys.call(2, arg[1], 0, 0)
  local count = tonumber(arg[4])
  local buffer = sys.buffer(32 + 56 * count)
  sys.put(buffer, 0, string.pack("<I8I8I4I4I4I4", tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[5]), 0, count, 0))
  local result = sys.call(16, file, ${ioctlFiemap}, buffer)
  local mapped = string.unpack("<I4", sys.bytes(buffer, 20, 4))
  print(result, mapped)
  for i = 0, math.min(mapped, count) - 1 do
    local logical, _, length = string.unpack("<I8I8I8", sys.bytes(buffer, 32 + 56 * i, 24))
    print(logical, length, (string.unpack("<I4", sys.bytes(buffer, 32 + 56 * i + 40, 4))))
  end`;
/** `lua /statx.lua FILE`: prints the inode number, the attributes, their mask, whether DIOALIGN was returned, and its values. */
const statx = `
  local buffer = sys.buffer(256)
  sys.call(332, -100, arg[1], 0x100, 0x2fff, buffer)
  local mask, _, attributes = string.unpack("<I4I4I8", sys.bytes(buffer, 0, 16))
  local ino = string.unpack("<I8", sys.bytes(buffer, 32, 8))
  local known = string.unpack("<I8", sys.bytes(buffer, 56, 8))
  local memory, offset = string.unpack("<I4I4", sys.bytes(buffer, 0x98, 8))
  print(ino, attributes, known, mask & 0x2000, memory, offset)`;
/** `lua /offsets.lua DIRECTORY`: prints NAME OFFSET of each entry. */
const offsets = `
  local directory = sys.call(2, arg[1], 0x10000, 0)
  local buffer = sys.buffer(32768)
  local length = sys.call(217, directory, buffer, 32768)
  local at = 0
  while at < length do
    local _, offset, size = string.unpack("<I8i8I2", sys.bytes(buffer, at, 18))
    print((string.unpack("z", sys.bytes(buffer, at + 19, size - 19))), offset)
    at = at + size
  end`;
const compressed = 0x4;
const immutable = 0x10;
const dioAlign = 0x2000;
/** FIEMAP_EXTENT_LAST, and _UNKNOWN, _NOT_ALIGNED, _MERGED. */
const last = 0x1;
const anywhere = 0x2 | 0x100 | 0x1000;
const errno = { ebadr: -53, einval: -22 };

/** filefrag(8) of this machine, with its libraries, for the guest. */
function filefrag(): Record<string, Uint8Array> | undefined {
  try {
    const libraries = execFileSync("ldd", ["/usr/sbin/filefrag"], { encoding: "utf8" });
    const paths = [...libraries.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = ""]) => path);
    return Object.fromEntries(["/usr/sbin/filefrag", ...paths].map((path) => [path, readFileSync(path)]));
  } catch {
    return undefined;
  }
}

/** The blocks of 4096 bytes that filefrag shows. */
function blocksIn(text: string): number[] {
  const extents = [...text.matchAll(/^ *\d+: *(\d+)\.\. *(\d+): /gm)].map(([, from, to]) => [Number(from), Number(to)]);
  return [...new Set(extents.flatMap(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)))].toSorted((a, b) => a - b);
}

const scratch = new Scratch();
test.after.always(() => scratch.remove());

interface Prepared {
  directory: string;
  raw: string;
  packed: string;
  layers: string;
}

function prepare(): Prepared {
  const directory = scratch.directory("store");
  const source = join(directory, "source");
  mkdirSync(source);
  for (const [name, { size, data }] of Object.entries(files)) {
    const path = join(source, name);
    writeFileSync(path, "");
    truncateSync(path, size);
    const file = openSync(path, "r+");
    data.forEach(([from, length], i) => writeSync(file, noise(from + i + 1, length), 0, length, from));
    closeSync(file);
  }
  // Noise is not compressed.
  writeFileSync(join(source, "text"), "text ".repeat(40_000));
  build(source, `${directory}/oci:raw`);
  build(source, `${directory}/oci:compressed`, "-c");
  const tree = scratch.directory("large");
  writeFileSync(join(tree, "large"), "");
  truncateSync(join(tree, "large"), large.size);
  const file = openSync(join(tree, "large"), "r+");
  writeSync(file, noise(1, large.data), 0, large.data, large.size - large.data);
  closeSync(file);
  build(tree, `${directory}/oci:large`);
  return {
    directory,
    raw: manifestOf(`${directory}/oci`, "raw"),
    packed: manifestOf(`${directory}/oci`, "compressed"),
    layers: layered(new CostlyStore(`${directory}/layers`)),
  };
}

/** An image whose root directory has records in two layers. */
function layered(store: CostlyStore): string {
  const owner = { uid: 0, gid: 0, permissions: 0o755 };
  const fifo = { ...owner, mode: { kind: "fifo" } } as const;
  const root = (names: string, lookBelow: boolean): InodeValue => ({
    ...owner,
    ino: 1,
    mode: { kind: "dir", dir: { entries: [...names].map((name, i) => ({ ino: i + 2, name: Buffer.from(name) })), lookBelow } },
  });
  const inodes = [2, 3].map((ino) => ({ ...fifo, ino }));
  return store.image(
    encodeRootfs({ metadatas: [{ inodes: [root("ab", true), ...inodes] }, { inodes: [root("cd", false)] }], manifestVersion: 3 }),
  );
}

const programs = filefrag();
for (const kernel of kernels) if (missingFor(kernel) === "") declare(kernel, prepare());
else kernelTest(kernel, "extents", () => undefined);

function declare(kernel: KernelName, { directory, raw, packed, layers }: Prepared): void {
  const disk = storeDisk(directory);
  let booted: Promise<Machine> | undefined;
  const boot = (): Promise<Machine> =>
    (booted ??= bootDriver(kernel, { disks: [disk], files: { ...programs, "/fiemap.lua": fiemap, "/statx.lua": statx, "/offsets.lua": offsets } }));
  test.after.always(async () => {
    (await booted?.catch(() => undefined))?.kill();
    disk.remove();
  });
  const withMachine = (title: string, body: (t: ExecutionContext, machine: Machine) => Promise<void>): void =>
    kernelTest(kernel, title, async (t) => body(t, await boot()));
  /** Lines of fiemap.lua as numbers. */
  const mapped = async (machine: Machine, file: string, start: number, length: number, count: number, flags = 0): Promise<number[][]> =>
    (await machine.succeed(`lua /fiemap.lua ${file} ${start} ${length} ${count} ${flags}`))
      .trim()
      .split("\n")
      .map((line) => line.split("\t").map(Number));

  if (programs === undefined) test.serial.skip(`${kernel}: filefrag(8) beside ext4 (needs filefrag)`, () => undefined);
  else {
    withMachine("filefrag(8) shows the data of a file where it is in the source on ext4", async (t, machine) => {
      await mountImage(machine, "oci", raw, "/a");
      await mountImage(machine, "oci", packed, "/b");
      // The dynamic linker too must be executable.
      await machine.succeed(`chmod 755 ${Object.keys(programs).join(" ")}`);
      for (const [name, { data }] of Object.entries(files)) {
        const expected = data.flatMap(([from, length]) =>
          Array.from({ length: Math.ceil(length / blockBytes) }, (_, i) => from / blockBytes + i),
        );
        for (const at of ["/store/source", "/a", "/b"]) {
          const text = await machine.succeed(`filefrag -v -b${blockBytes} ${at}/${name}`);
          t.deepEqual(blocksIn(text), expected, `${at}/${name}: ${text}`);
        }
      }
      await machine.succeed("for f in /store/source/*; do cmp $f /a/${f##*/} && cmp $f /b/${f##*/} || exit 1; done; umount /a /b");
    });
  }

  withMachine("FIEMAP returns the extents that overlap a range, counts them, and refuses what it does not know", async (t, machine) => {
    await mountImage(machine, "oci", raw, "/a");
    const all = [
      [128 * kibi, 192 * kibi, anywhere],
      [mebi, 64 * kibi, anywhere],
      [3 * mebi, 2 * mebi + 100, anywhere | last],
    ];
    t.deepEqual(await mapped(machine, "/a/sparse", 0, 2 ** 62, 10), [[0, 3], ...all]);
    t.deepEqual(await mapped(machine, "/a/sparse", 0, 2 ** 62, 2), [[0, 2], ...all.slice(0, 2)]);
    t.deepEqual(await mapped(machine, "/a/sparse", 0, 2 ** 62, 0), [[0, 3]]);
    t.deepEqual(await mapped(machine, "/a/sparse", 500 * kibi, mebi, 10), [[0, 1], ...all.slice(1, 2)]);
    t.deepEqual(await mapped(machine, "/a/sparse", 320 * kibi, 10, 10), [[0, 0]]);
    t.deepEqual(await mapped(machine, "/a/sparse", 6 * mebi, mebi, 10), [[0, 0]]);
    t.deepEqual(await mapped(machine, "/a/hole", 0, 2 ** 62, 10), [[0, 0]]);
    t.is((await mapped(machine, "/a/sparse", 0, 2 ** 62, 1, 2))[0]?.[0], errno.ebadr);
    t.is((await mapped(machine, "/a/sparse", 0, 0, 1))[0]?.[0], errno.einval);
    await mountImage(machine, "oci", manifestOf(`${directory}/oci`, "large"), "/b");
    t.deepEqual(await mapped(machine, "/b/large", 0, 2 ** 62, 10), [[0, 1], [large.size - large.data, large.data, anywhere | last]]);
    await machine.succeed("umount /a /b");
  });

  withMachine("statx(2) reports that nothing can be modified, what is compressed, and that there is no direct I/O", async (t, machine) => {
    await mountImage(machine, "oci", raw, "/a");
    await mountImage(machine, "oci", packed, "/b");
    const known = compressed | immutable;
    for (const [path, attributes, dio] of [
      ["/a/dense", immutable, dioAlign],
      ["/b/dense", immutable, dioAlign],
      ["/a/text", immutable, dioAlign],
      ["/b/text", compressed | immutable, dioAlign],
      ["/a/empty", immutable, dioAlign],
      ["/b", immutable, 0],
    ] as const) {
      const [ino, ...rest] = (await machine.succeed(`lua /statx.lua ${path}`)).trim().split("\t").map(Number);
      t.is(ino, Number(await machine.succeed(`stat -c %i ${path}`)));
      const [reported, mask, ...direct] = rest;
      // Others of the mask are the VFS's own.
      t.deepEqual([(reported ?? 0) & known, (mask ?? 0) & known, ...direct], [attributes, known, dio, 0, 0], path);
    }
    await machine.succeed("umount /a /b");
  });

  withMachine("offsets of a directory in several layers fit in the 31 bits of 32-bit programs", async (t, machine) => {
    await mountImage(machine, "layers", layers, "/a");
    t.is(await machine.succeed("lua /offsets.lua /a"), [".\t1", "..\t2", "a\t3", "b\t4", "c\t5", "d\t6", ""].join("\n"));
    await machine.succeed("umount /a");
  });

  withMachine("the kernel reported no fault", async (t, machine) => {
    await machine.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(machine.close());
  });
}
