/** Packed images by the driver: slices of packs, packs that are missing, changed and replaced, and fs-verity of packs. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KernelName, type Machine, storeDisk } from "@puzzlefs/qemu";
import { fsVerityDigest } from "@puzzlefs/oci";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { expectEqual, kernels, kernelTest, machineTest, missingFor, mountImage } from "./driver.ts";
import { putBlob, settled } from "./packed-images.ts";
import { changedTable, decodeTable, type Table, type TableChunk } from "./place-tables.ts";

/** A file of this size is one chunk. */
const small = 20_000;
const large = 1_500_000;
/** The pack of the base has these, the second one the others. */
const before = ["before-0", "before-1", "before-2", "large"];
const after = ["after-0", "after-1", "after-2"];

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const lines = (names: readonly string[]): string => names.map((name) => `${name}\n`).join("");

interface Form {
  layout: string;
  manifest: string;
  places: string;
  /** fs-verity digest of the place table. */
  verity: string;
  metadata: string;
  /** Digests of the packs of `before` and of `after`. */
  packs: string[];
  /** A table by which two chunks are exchanged. */
  exchanged: string;
  /** A byte of a chunk in the second pack. */
  hit: number;
  /** The canonical form of the same tree, in another layout. */
  loose: string;
}

/** Chunks of `after`, by name; their content is their file. */
const chunkOf = (name: string): string => sha256(contentOf(name));

function contentOf(name: string): Uint8Array {
  const names = [...before, ...after];
  return noise(names.indexOf(name) + 1, name === "large" ? large : small);
}

function prepareForm(scratch: Scratch, store: string, layout: string, options: readonly string[]): Form {
  const tree = scratch.fresh(`tree-${layout}`);
  const path = join(store, layout);
  mkdirSync(join(tree, "files"), { recursive: true });
  const add = (names: readonly string[]): void => {
    for (const name of names) writeFileSync(join(tree, "files", name), contentOf(name));
  };
  add(before);
  build(tree, `${path}:base`, "--packed", ...options);
  build(tree, `${path}-loose:base`, ...options);
  add(after);
  build(tree, `${path}:v1`, "--packed", "-b", "base", ...options);
  build(tree, `${path}-loose:v1`, "-b", "base", ...options);
  const tableOf = (tag: string): { manifest: string; places: string; bytes: Buffer; table: Table } => {
    const { manifest, more = "" } = settled(path, tag);
    const places = more.replace("places=", "");
    const bytes = readFileSync(join(path, "blobs/sha256", places));
    return { manifest, places, bytes, table: decodeTable(bytes) };
  };
  const { manifest, places, bytes, table } = tableOf("v1");
  const [old = ""] = packsOf(tableOf("base").table);
  const packs = [old, ...packsOf(table).filter((pack) => pack !== old)];
  const isNew = ({ pack }: TableChunk): boolean => packsOf(table)[pack] !== old;
  const exchanged = changedTable(bytes, ({ chunks }) => {
    const [a, b] = chunks.filter(isNew) as [TableChunk, TableChunk];
    [a.digest, b.digest] = [b.digest, a.digest];
    chunks.sort((one, other) => one.digest.compare(other.digest));
  });
  mkdirSync(`${path}-kept`);
  for (const { digest } of table.chunks)
    copyFileSync(join(`${path}-loose/blobs/sha256`, digest.toString("hex")), join(`${path}-kept`, digest.toString("hex")));
  const [hit] = table.chunks.filter(isNew) as [TableChunk];
  return {
    layout,
    manifest,
    places,
    verity: fsVerityDigest(bytes).toString("hex"),
    metadata: table.metadata.toString("hex"),
    packs,
    exchanged: putBlob(path, exchanged),
    hit: hit.offset + (hit.size >> 1),
    loose: `${layout}-loose`,
  };
}

const packsOf = ({ packs }: Table): string[] => packs.map(({ digest }) => digest.toString("hex"));

/** Names of the files that do not have their content. */
const wrong = "cd /mnt/files; sha256sum -c /store/sums 2>/dev/null | sed -n 's/: FAILED.*//p'; cd /";

for (const kernel of kernels) {
  if (missingFor(kernel) === "") declare(kernel);
  else kernelTest(kernel, "packed images", () => undefined);
}

function declare(kernel: KernelName): void {
  const scratch = new Scratch();
  const store = scratch.directory("store");
  const forms = { raw: prepareForm(scratch, store, "raw", []), zstd: prepareForm(scratch, store, "zstd", ["-c"]) };
  const sums = [...before, ...after].toSorted().map((name) => `${chunkOf(name)}  ${name}`);
  writeFileSync(join(store, "sums"), sums.map((line) => `${line}\n`).join(""));
  const disk = storeDisk(store);
  test.after.always(() => {
    disk.remove();
    scratch.remove();
  });

  const withMachine = (title: string, body: (machine: Machine) => Promise<void>): void =>
    machineTest(kernel, title, disk, body);
  const mount = (machine: Machine, form: Form, more = ""): Promise<void> =>
    mountImage(machine, form.layout, form.manifest, "/mnt", `places=${form.places}${more}`);
  const fileOf = ({ layout }: Form, digest: string): string => `/store/${layout}/blobs/sha256/${digest}`;

  for (const [name, form] of Object.entries(forms)) {
    const [oldPack = "", newPack = ""] = form.packs;

    withMachine(`${name}: the files, and the options of a mount`, async (machine) => {
      await mount(machine, form);
      expectEqual(await machine.succeed(wrong), "", "files without their content");
      const shown = await machine.succeed("grep ' /mnt ' /proc/self/mounts");
      expectEqual(shown.includes(`,image_manifest=${form.manifest},places=${form.places}`), true, shown);
      await machine.succeed(`mount -o remount,places=${form.places} /mnt`);
      const other = await machine.run(`mount -o remount,places=${"0".repeat(64)} /mnt`);
      expectEqual(other.status === 0, false, "remount with another table");
      // Shared with a second mount of the same table, and not with the loose image.
      const devices = `mkdir -p /second /third; mount -t puzzlefs -o oci_root_dir=/store/${form.layout},image_manifest=${form.manifest},places=${form.places} none /second;
        mount -t puzzlefs -o oci_root_dir=/store/${form.loose},image_manifest=${form.manifest} none /third;
        stat -c %d /mnt /second /third; cmp /mnt/files/large /third/files/large; umount /second /third`;
      const [a, b, c] = (await machine.succeed(devices)).split("\n");
      expectEqual(a === b && b !== c, true, `devices ${a} ${b} ${c}`);
    });

    withMachine(`${name}: a missing pack is EIO for exactly the files that need it, until it is there`, async (machine) => {
      await machine.succeed(`mv ${fileOf(form, newPack)} /store/away`);
      await mount(machine, form);
      const { stdout, log } = await machine.run(wrong);
      expectEqual(stdout, lines(after), "files without their content");
      const named = log.split("\n").filter((line) => line.includes(`: pack ${newPack}, needed by inode `));
      expectEqual(named.length, 1, `lines in the log: ${log}`);
      // Its chunks are files too.
      await machine.succeed(`cp /store/${name}-kept/* /store/${form.layout}/blobs/sha256/`);
      expectEqual(await machine.succeed(wrong), "", "without their content, while loose");
      await machine.succeed(`umount /mnt; cd /store/${form.layout}/blobs/sha256 && for blob in /store/${name}-kept/*; do rm $(basename $blob); done`);
      await mount(machine, form);
      // The files stay open while the pack arrives.
      const held = after.map((file, i) => `exec ${i + 3}</mnt/files/${file}; cat <&${i + 3} >/dev/null 2>&1 && echo readable;`).join(" ");
      const again = after.map((_, i) => `sha256sum <&${i + 3} | cut -c1-64; exec ${i + 3}<&-;`).join(" ");
      const late = await machine.succeed(`${held} mv /store/away ${fileOf(form, newPack)}; ${again}`);
      expectEqual(late, lines(after.map(chunkOf)), "after the pack arrived");
      expectEqual(await machine.succeed(wrong), "", "after the pack arrived");
    });

    withMachine(`${name}: verify=blob finds a changed byte of a pack in exactly the files that have it`, async (machine) => {
      await mount(machine, form, ",verify=blob");
      expectEqual(await machine.succeed(wrong), "", "files without their content");
      await machine.succeed(`umount /mnt; printf XYZ | dd of=${fileOf(form, newPack)} bs=1 seek=${form.hit} conv=notrunc 2>/dev/null; sync`);
      await mount(machine, form, ",verify=blob");
      const { stdout, log } = await machine.run(wrong);
      const found = stdout.split("\n").filter((file) => file !== "");
      expectEqual(found.length, 1, `files: ${stdout}`);
      const named = log.split("\n").filter((line) => / blob [0-9a-f]{64} in pack /.test(line) && line.includes(newPack));
      expectEqual(named.length, 1, `lines in the log: ${log}`);
      if (name !== "raw") return;
      // Without verify=blob the change is not detected.
      await machine.succeed("umount /mnt");
      await mount(machine, form);
      await machine.succeed(`cat /mnt/files/${found[0]} >/dev/null`);
    });

    withMachine(`${name}: a pack that is replaced`, async (machine) => {
      await machine.succeed(`cp ${fileOf(form, oldPack)} /store/good; truncate -s $(($(stat -c %s /store/good) - 1)) ${fileOf(form, oldPack)}`);
      await mount(machine, form);
      const { stdout, log } = await machine.run(wrong);
      expectEqual(stdout, lines(before), "files of a pack that is too short");
      expectEqual(log.includes(`: pack ${oldPack}, needed by inode `) && log.includes(": it has "), true, log);
      await machine.succeed(`mv /store/good ${fileOf(form, oldPack)}`);
      expectEqual(await machine.succeed(wrong), "", "after it was replaced");
      // One that becomes damaged while it is open: frames and pages of the former are not used.
      await machine.succeed(`umount /mnt; cp ${fileOf(form, oldPack)} /store/good; head -c $(stat -c %s /store/good) /dev/zero >/store/bad; cp /store/bad ${fileOf(form, oldPack)}`);
      await mount(machine, form, ",verify=blob");
      expectEqual(await machine.succeed(wrong), lines(before), "zeros");
      await machine.succeed(`mv /store/good ${fileOf(form, oldPack)}`);
      expectEqual(await machine.succeed(wrong), "", "after zeros were replaced");
    });

    withMachine(`${name}: a false table changes nothing for other mounts of the store`, async (machine) => {
      await machine.succeed("mkdir /false");
      await mountImage(machine, form.layout, form.manifest, "/false", `places=${form.exchanged}`);
      await machine.run("cat /false/files/* >/dev/null");
      await mount(machine, form);
      expectEqual(await machine.succeed(wrong), "", "files without their content");
      await machine.succeed("umount /mnt");
      await mountImage(machine, form.layout, form.manifest, "/mnt", `places=${form.exchanged},verify=blob`);
      const { stdout } = await machine.run(wrong);
      expectEqual(stdout.split("\n").filter((file) => file !== "").length, 2, `two files are found by verify=blob: ${stdout}`);
      await machine.succeed("umount /false");
    });
  }

  const { raw } = forms;
  const refused = async (machine: Machine, options: string, message: RegExp): Promise<void> => {
    const { status, log } = await machine.run(`mount -t puzzlefs -o oci_root_dir=/store/raw,${options} none /mnt`);
    if (status === 0) throw new Error(`mounted with ${options}`);
    if (!message.test(log)) throw new Error(`${message} is not in: ${log}`);
  };

  withMachine("tables that are refused", async (machine) => {
    await refused(machine, `image_manifest=${raw.manifest},places=x`, /places=x: a digest is 64/);
    await refused(machine, `places=${raw.places}`, /missing option: image_manifest/);
    await refused(machine, `image_manifest=${raw.manifest},places=${"0".repeat(64)}`, /place table 0{64}: cannot be opened/);
    await refused(machine, `image_manifest=${raw.manifest},places=${raw.metadata}`, /unsupported place table \w+: place-table-/);
    await refused(machine, `image_manifest=${"0".repeat(64)},places=${raw.places}`, /is that of manifest/);
    await machine.succeed(`printf X | dd of=${fileOf(raw, raw.places)} bs=1 seek=200 conv=notrunc 2>/dev/null`);
    await refused(machine, `image_manifest=${raw.manifest},places=${raw.places}`, /has the sha256/);
  });

  if (kernel === "6.1") return;
  withMachine("verity=: the place table, the metadata and every pack are measured", async (machine) => {
    const [oldPack = "", newPack = ""] = raw.packs;
    const options = `image_manifest=${raw.manifest},places=${raw.places}`;
    const enable = (digest: string): Promise<string> => machine.succeed(`lua /verity.lua enable ${fileOf(raw, digest)}`);
    await refused(machine, `${options},verity=${raw.verity}`, /place table \w+ has no fs-verity/);
    await enable(raw.places);
    await refused(machine, `${options},verity=${"0".repeat(64)}`, /place table \w+ has a different fs-verity digest/);
    await refused(machine, `${options},verity=${raw.verity}`, /metadata \w+ has no fs-verity/);
    await enable(raw.metadata);
    await enable(oldPack);
    await mount(machine, raw, `,verity=${raw.verity}`);
    const { stdout, log } = await machine.run(wrong);
    expectEqual(stdout, lines(after), "files of a pack without fs-verity");
    expectEqual(log.includes(`: pack ${newPack}, needed by inode `) && log.includes("no fs-verity"), true, log);
    await machine.succeed("umount /mnt");
    await enable(newPack);
    await mount(machine, raw, `,verity=${raw.verity}`);
    expectEqual(await machine.succeed(wrong), "", "when all have fs-verity");
    await machine.succeed(`umount /mnt
      block=$(lua /verity.lua block ${fileOf(raw, newPack)})
      printf X | dd of=/dev/vda bs=1 seek=$((block * 4096 + 100)) conv=notrunc 2>/dev/null
      sync; echo 3 >/proc/sys/vm/drop_caches`);
    await mount(machine, raw, `,verity=${raw.verity}`);
    const found = (await machine.succeed(wrong)).split("\n").filter((file) => file !== "");
    expectEqual(found.length > 0 && found.every((file) => after.includes(file)), true, `after a change on the disk: ${found.join(" ")}`);
  });
}
