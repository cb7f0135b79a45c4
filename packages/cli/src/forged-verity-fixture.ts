/**
 * A program that serves a layout by FUSE, and answers FS_IOC_MEASURE_VERITY for a blob with the digest of the expected
 * content, whatever the content is:
 *
 *     node forged-verity-fixture.ts SOUND SERVED MOUNTPOINT
 *
 * SOUND is the directory of the undamaged blobs. Prints a line once it is mounted.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkMountpoint, Device, mount, parseMountOptions, Session, stderrLog, type Channel } from "@puzzlefs/fuse";
import { fsVerityDigest } from "@puzzlefs/oci";
import { DirectoryTree } from "@puzzlefs/reader";

const IOCTL = 39;
const FS_IOC_MEASURE_VERITY = 0xc0046686;
const ENOTTY = 25;
/** struct fuse_out_header, struct fuse_ioctl_out. */
const BODY = 16 + 16;

type RequestBuffer = Parameters<Channel["read"]>[0];

const [sound, served, mountpoint] = process.argv.slice(2) as [string, string, string];
const tree = new DirectoryTree(served);
const digests = new Map<number, Uint8Array>();
const blobs = ["blobs", "sha256"].reduce((ino, name) => tree.lookup(ino, Buffer.from(name)) ?? 0, 1);
for (const name of readdirSync(sound)) {
  const ino = tree.lookup(blobs, Buffer.from(name));
  if (ino !== undefined) digests.set(ino, fsVerityDigest(readFileSync(join(sound, name))));
}

/** Answers ioctls itself, and forwards all other requests. */
class ForgedVerity implements Channel {
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  read(into: RequestBuffer): number {
    for (;;) {
      const length = this.#device.read(into);
      if (length <= 0 || into.bytes.readUInt32LE(4) !== IOCTL) return length;
      this.#answer(into);
    }
  }

  write(from: RequestBuffer, length: number): number {
    return this.#device.write(from, length);
  }

  watch(callback: () => void): void {
    this.#device.watch(callback);
  }

  close(): void {
    this.#device.close();
  }

  /** Makes the reply of the request where it is: both have the request's number at byte 8. */
  #answer(words: RequestBuffer): void {
    const { bytes } = words;
    const digest = digests.get(Number(bytes.readBigUInt64LE(16)));
    const isMeasure = bytes.readUInt32LE(40 + 12) === FS_IOC_MEASURE_VERITY;
    const room = isMeasure && digest !== undefined ? bytes.readUInt32LE(40 + 28) : 0;
    const length = room === 0 ? 16 : BODY + room;
    bytes.writeUInt32LE(length, 0);
    bytes.writeInt32LE(room === 0 ? -ENOTTY : 0, 4);
    if (digest !== undefined && room > 0) {
      bytes.fill(0, 16, length);
      // struct fsverity_digest: SHA-256, 32 bytes.
      bytes.writeUInt16LE(1, BODY);
      bytes.writeUInt16LE(32, BODY + 2);
      bytes.set(digest.subarray(0, room - 4), BODY + 4);
    }
    this.#device.write(words, length);
  }
}

const device = new Device(mount(checkMountpoint(mountpoint), parseMountOptions([], "forged")));
const session = new Session(new ForgedVerity(device), tree, { log: stderrLog() });
session.start();
await session.ready;
console.log("mounted");
await session.ended;
