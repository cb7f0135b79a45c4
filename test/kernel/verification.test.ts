/** Changed blobs are detected by `verify=blob` on any filesystem, and by fs-verity with `verity=`. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MetadataDescriptor, readManifest, ZERO_BLOB_DIGEST } from "@puzzlefs/format";
import { type KernelName, type Machine, manifestOf, storeDisk } from "@puzzlefs/qemu";
import test from "ava";
import { addJoined } from "../posix/joined.ts";
import { build } from "../support/images.ts";
import { attempt, puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { noise } from "@puzzlefs/testing";
import { expectEqual, kernels, kernelTest, machineTest, missingFor, mountImage } from "./driver.ts";

/** A file of 20,000 bytes is one chunk; equal files share its blob. */
const small = 20_000;
/** Many chunks, of at most 256 KiB. */
const large = 1_500_000;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface Prepared {
  directory: string;
  manifest: string;
  /** fs-verity digest of the manifest, from the output of build. */
  verity: string;
  /** The metadata of the same image. */
  metadata: MetadataDescriptor;
  /** Digest of the content of `shared-1` and `shared-2`. */
  shared: string;
  /** Manifest of an image with one blob, of many chunks, that is larger than what can be verified. */
  joined: string;
}

function prepare(scratch: Scratch): Prepared {
  const directory = scratch.directory("store");
  const tree = scratch.directory("tree");
  mkdirSync(join(tree, "files"));
  for (let i = 0; i < 12; i++) writeFileSync(join(tree, `files/own-${i}`), noise(i + 1, small));
  for (const name of ["shared-1", "shared-2"]) writeFileSync(join(tree, "files", name), noise(100, small));
  writeFileSync(join(tree, "files/large"), noise(200, large));
  writeFileSync(join(tree, "files/sparse"), noise(300, small));
  truncateSync(join(tree, "files/sparse"), 10 * large);
  const { stdout, stderr } = attempt(puzzlefs, ["build", tree, `${directory}/oci:v1`]);
  const verity = /manifest digest: ([0-9a-f]{64})/.exec(stdout + stderr)?.[1] ?? "";
  // Holes are read without their blob, with every kind of verification.
  rmSync(`${directory}/oci/blobs/sha256/${Buffer.from(ZERO_BLOB_DIGEST.toUint8Array()).toString("hex")}`);
  const largest = scratch.directory("largest");
  writeFileSync(join(largest, "file"), noise(400, 17 << 20));
  build(largest, `${directory}/oci:chunks`);
  addJoined(`${directory}/oci`, "chunks", "joined", 1 << 30);
  const [manifest, joined] = [manifestOf(`${directory}/oci`, "v1"), manifestOf(`${directory}/oci`, "joined")];
  const metadata = readManifest(readFileSync(`${directory}/oci/blobs/sha256/${manifest}`));
  return { directory, manifest, verity, metadata, shared: sha256(noise(100, small)), joined };
}

/** Names of the files that cannot be read to their end. */
const unreadable = `cd /mnt/files; for name in *; do cat $name >/dev/null 2>&1 || echo $name; done`;

/** Commands that change a byte in the first page of a blob: in its file, or in its block on the disk. */
const changeFile = (blob: string): string =>
  `printf X | dd of=/store/oci/blobs/sha256/${blob} bs=1 seek=100 conv=notrunc 2>/dev/null && sync`;
const changeDisk = (blob: string): string => `
  block=$(lua /verity.lua block /store/oci/blobs/sha256/${blob})
  printf X | dd of=/dev/vda bs=1 seek=$((block * 4096 + 100)) conv=notrunc 2>/dev/null
  sync; echo 3 >/proc/sys/vm/drop_caches`;

for (const kernel of kernels) {
  if (missingFor(kernel) === "") declare(kernel);
  else kernelTest(kernel, "changed blobs", () => undefined);
}

function declare(kernel: KernelName): void {
  const scratch = new Scratch();
  const { directory, manifest, verity, metadata, shared, joined } = prepare(scratch);
  const disk = storeDisk(directory);
  test.after.always(() => {
    disk.remove();
    scratch.remove();
  });

  const withMachine = (title: string, body: (machine: Machine) => Promise<void>): void =>
    machineTest(kernel, title, disk, body);

  withMachine("verify=blob: EIO for exactly the files that use a changed blob, and one line in the log", async (machine) => {
    await mountImage(machine, "oci", manifest, "/mnt", "verify=blob");
    expectEqual(await machine.succeed(unreadable), "", "unreadable before the change");
    await machine.succeed(`umount /mnt && ${changeFile(shared)}`);
    await mountImage(machine, "oci", manifest, "/mnt", "verify=blob");
    const device = (await machine.succeed(`awk '$5 == "/mnt" { print $3 }' /proc/self/mountinfo`)).trim();
    for (let round = 0; round < 2; round++) {
      const { stdout, log } = await machine.run(unreadable);
      expectEqual(stdout, "shared-1\nshared-2\n", "unreadable after the change");
      const lines = log.split("\n").filter((line) => line.includes(shared));
      expectEqual(lines.length, round === 0 ? 1 : 0, `lines in the log:\n${log}`);
      if (round === 0) expectEqual(lines[0]?.includes(`puzzlefs (${device}/${manifest.slice(0, 12)}): blob ${shared}, `), true, log);
    }
    // Without verify=blob the change is not detected.
    await machine.succeed("umount /mnt");
    await mountImage(machine, "oci", manifest, "/mnt");
    expectEqual(await machine.succeed(unreadable), "", "unreadable without verify=blob");
  });

  withMachine("verify=blob: a blob that is too large to be verified is EIO, and a line in the log", async (machine) => {
    for (const more of ["verify=blob", undefined]) {
      await mountImage(machine, "oci", joined, "/mnt", more);
      const { stdout, log } = await machine.run("sha256sum </mnt/file 2>/dev/null || echo failed; umount /mnt");
      const reported = log.includes(": too large to be verified: 17825792 bytes, 17825792 stored");
      expectEqual(reported, more !== undefined, log);
      expectEqual(stdout, more === undefined ? `${sha256(noise(400, 17 << 20))}  -\n` : "failed\n", "the file");
    }
  });

  const enableAll = "find /store/oci/blobs/sha256 -type f -exec lua /verity.lua enable {} +";
  const byManifest = `image_manifest=${manifest}`;
  const refused = async (machine: Machine, more: string, message: RegExp, name = byManifest): Promise<void> => {
    const options = `oci_root_dir=/store/oci,${name},${more}`;
    const { status, log } = await machine.run(`mount -t puzzlefs -o ${options} none /mnt`);
    if (status === 0) throw new Error(`mounted with ${more}`);
    if (!message.test(log)) throw new Error(`${message} is not in: ${log}`);
  };

  if (kernel === "6.1") {
    withMachine("verity= is refused if the kernel exports no fs-verity digests", (machine) =>
      refused(machine, `verity=${verity}`, /this kernel exports no fs-verity digests/),
    );
    return;
  }

  withMachine("verity=: refuses missing fs-verity, another digest, and a byte changed on the disk", async (machine) => {
    await refused(machine, `verity=${verity}`, /has no fs-verity/);
    // All blobs but one.
    await machine.succeed(`mv /store/oci/blobs/sha256/${shared} /tmp/kept && ${enableAll}`);
    await machine.succeed(`mv /tmp/kept /store/oci/blobs/sha256/${shared} && sync`);
    await refused(machine, `verity=${"0".repeat(64)}`, /different fs-verity digest/);
    await mountImage(machine, "oci", manifest, "/mnt", `verity=${verity}`);
    expectEqual(await machine.succeed(unreadable), "shared-1\nshared-2\n", "unreadable without fs-verity");
    await machine.succeed(`umount /mnt; lua /verity.lua enable /store/oci/blobs/sha256/${shared}`);
    await mountImage(machine, "oci", manifest, "/mnt", `verity=${verity}`);
    expectEqual(await machine.succeed(unreadable), "", "unreadable when all have fs-verity");
    await machine.succeed(`umount /mnt && ${changeDisk(shared)}`);
    await mountImage(machine, "oci", manifest, "/mnt", `verity=${verity}`);
    expectEqual(await machine.succeed(unreadable), "shared-1\nshared-2\n", "unreadable after the change");
  });

  withMachine("verity= with metadata= is the digest of the metadata, whose sha256 is not computed", async (machine) => {
    const { digest, verity: expected = "" } = metadata;
    const byMetadata = `metadata=${digest}`;
    await machine.succeed(enableAll);
    await refused(machine, `verity=${verity}`, /metadata .* has a different fs-verity digest/, byMetadata);
    const mount = `mount -t puzzlefs -o oci_root_dir=/store/oci,${byMetadata},verity=${expected} none /mnt`;
    await machine.succeed(`mkdir -p /mnt && ${mount}`);
    expectEqual(await machine.succeed(unreadable), "", "unreadable");
    // The name of the file is all that the sha256 is used for.
    const renamed = "5".repeat(64);
    await machine.succeed(`umount /mnt && mv /store/oci/blobs/sha256/${digest} /store/oci/blobs/sha256/${renamed}`);
    await machine.succeed(mount.replace(digest, renamed));
    expectEqual(await machine.succeed(unreadable), "", "unreadable with another name");
    await machine.succeed(`umount /mnt && mv /store/oci/blobs/sha256/${renamed} /store/oci/blobs/sha256/${digest}`);
    await machine.succeed(changeDisk(digest));
    for (const [name, anchor] of [
      [byMetadata, expected],
      [byManifest, verity],
    ] as const)
      await refused(machine, `verity=${anchor}`, /metadata .*: read failed: -5/, name);
  });
}
