/**
 * The start of programs in a lazily mounted root directory, over a simulated line, beside the same with the image in the layout:
 *   build/node bench/lazy.ts ROOTFS [DIRECTORY]       as root
 * The registry is Node's, behind a relay with a round trip of 30 ms and 100 Mbit/s.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "@puzzlefs/builder";
import { findMount, unmount } from "@puzzlefs/fuse";
import { pullLazy } from "@puzzlefs/transport";
import { mount } from "@puzzlefs/mount";
import { Layout, MANIFEST_TYPE, referencedBlobs } from "@puzzlefs/oci";
import { parseReference, Registry } from "@puzzlefs/registry";
import { eventually, running } from "@puzzlefs/testing";
import { TestRegistry } from "../packages/registry/src/test-registry-fixture.ts";

const ROUND_TRIP = 30;
const BYTES_PER_MILLISECOND = 100e6 / 8 / 1000;
const COMMANDS = [
  ["bash", "-c", "true"],
  ["perl", "-e", "print 1"],
  ["apt", "--version"],
];

/** Passes bytes on, each half a round trip late, and no faster than the line. */
class Line {
  received = 0;
  port = 0;
  #free = 0;

  static async open(target: number): Promise<Line> {
    const line = new Line();
    const server = createServer((near) => {
      const far = connect(target, "127.0.0.1");
      line.#relay(near, far, false);
      line.#relay(far, near, true);
    });
    server.unref();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    line.port = (server.address() as { port: number }).port;
    return line;
  }

  #relay(from: Socket, to: Socket, isDown: boolean): void {
    from.on("error", () => to.destroy());
    from.on("data", (bytes) => {
      const now = performance.now();
      let arrival = now + ROUND_TRIP / 2;
      if (isDown) {
        this.received += bytes.length;
        this.#free = Math.max(this.#free, now) + bytes.length / BYTES_PER_MILLISECOND;
        arrival = this.#free + ROUND_TRIP / 2;
        // The sender is slowed down, as by a full queue.
        if (this.#free - now > ROUND_TRIP) {
          from.pause();
          setTimeout(() => from.resume(), this.#free - now - ROUND_TRIP);
        }
      }
      setTimeout(() => to.write(bytes), arrival - now);
    });
    from.once("end", () => setTimeout(() => to.end(), ROUND_TRIP / 2 + Math.max(0, this.#free - performance.now())));
  }
}

async function run(root: string, command: readonly string[]): Promise<void> {
  const child = spawn("chroot", [root, ...command], { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${command.join(" ")}: ${String(code)}`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const [rootfs, base = tmpdir()] = process.argv.slice(2);
if (rootfs === undefined) throw new Error("which tree?");
const directory = mkdtempSync(join(base, "puzzlefs-lazy-"));
const mnt = join(directory, "mnt");
try {
  const origin = join(directory, "origin");
  await build({ rootfs, ociDir: origin, tag: "v1", compress: true, packed: true });
  await using registry = await TestRegistry.start();
  using layout = Layout.open(origin);
  const { bytes } = layout.manifest("v1");
  let size = bytes.length;
  for (const { digest = "", size: length = 0 } of referencedBlobs(bytes, "v1")) {
    registry.putBlob("team/app", layout.blobs.read(digest, 1 << 30));
    size += length;
  }
  registry.putManifest("team/app", "v1", bytes, MANIFEST_TYPE);
  const line = await Line.open(Number(registry.host.split(":")[1]));
  mkdirSync(mnt);
  process.stdout.write(`image: ${(size / 1e6).toFixed(1)} MB\n`);
  for (const command of COMMANDS) {
    const local = await timed(async () => {
      await mount({ ociDir: origin, reference: "v1", mountpoint: mnt, driver: "fuse", options: ["dev"] });
      await run(mnt, command);
    });
    await unmount(mnt);
    for (const fill of command === COMMANDS.at(-1) ? [false, true] : [false]) {
      const ociDir = join(directory, "store");
      line.received = 0;
      let ready = 0;
      const lazy = await timed(async () => {
        const access = { plainHttp: true };
        using client = new Registry(access);
        const source = parseReference(`localhost:${line.port}/team/app:v1`);
        const { signal } = new AbortController();
        await pullLazy({ registry: client, access, source, ociDir, tag: "v1", waiting: () => undefined, signal });
        ready = line.received;
        await mount({ ociDir, reference: "v1", mountpoint: mnt, options: ["dev"], lazy: { fill } });
        await run(mnt, command);
      });
      const { received } = line;
      await unmount(mnt);
      await eventually(() => running(`puzzlefs fetch ${ociDir}`).length === 0);
      rmSync(ociDir, { recursive: true });
      const transfer = received / BYTES_PER_MILLISECOND;
      const share = ((100 * received) / size).toFixed(1);
      const ratio = (lazy / (local + (fill ? 0 : transfer))).toFixed(2);
      process.stdout.write(
        `${command[0] ?? ""}${fill ? ", filling" : ""}: ${(ready / 1e6).toFixed(2)} MB before the mount, ${(received / 1e6).toFixed(2)} MB (${share} %) in all, ` +
          `${lazy.toFixed(0)} ms; local ${local.toFixed(0)} ms${fill ? "" : ` + transfer ${transfer.toFixed(0)} ms`}: ${ratio}\n`,
      );
    }
  }
} finally {
  if (findMount(mnt) !== undefined) await unmount(mnt, { lazy: true });
  rmSync(directory, { recursive: true });
}
