/**
 * The corruption corpus and random damaged images, mounted one after the other in one machine: the driver refuses the same
 * images, and the same inodes at their first use, as the reader in user space, for the same rules, and shows the same trees.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getSystemErrorName } from "node:util";
import { Layout } from "@puzzlefs/oci";
import {
  buildModule,
  findKernel,
  isKernelName,
  luaProgram,
  luaPrograms,
  Machine,
  type Outcome,
  storeDisk,
  Unavailable,
} from "@puzzlefs/qemu";
import { eventually } from "@puzzlefs/testing";
import test from "ava";
import { Scratch } from "../support/scratch.ts";
import { hostileImages } from "./driver.ts";
import { makeBases } from "./hostile-bases.ts";
import { addCorpus, addMutations, addSeekTables, errorOf, examined, HostileStore, manifestOf } from "./hostile-images.ts";
import type { HostileImage } from "./hostile-images.ts";

const names = 16;
const minutes = 60_000;
const kernel = (process.env["PUZZLEFS_KERNELS"] ?? "6.12").split(",")[0] ?? "";

/** Prints the unreclaimable memory of the kernel, KiB. */
const memoryInUse =
  "echo 3 >/proc/sys/vm/drop_caches; sleep 1; echo 3 >/proc/sys/vm/drop_caches; " +
  "awk '/^(SUnreclaim|VmallocUsed|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo";
/** KiB. A leak of one KiB per mount would be twice that. */
const lostAtMost = 1024;

const manifestTooLarge = "ab".repeat(32);
const metadataTooLarge = "cd".repeat(32);

function obstacle(): string {
  try {
    if (!isKernelName(kernel)) return `a kernel ${kernel}`;
    findKernel(kernel);
    return "";
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

/** Lines that the driver logs at once for one mount. */
const burst = 10;

/** The expected output for an image, and lines of the kernel log. */
function expected(layout: Layout, image: HostileImage): { lines: string[]; log: string[] } {
  const { manifest, metadata = "", missing, refusal, report } = image;
  if (missing !== undefined) return { lines: [`${manifest} ENOENT e puzzlefs: metadata ${missing}: cannot be opened in /store: -ENOENT`], log: [] };
  if (refusal !== undefined) return { lines: [`${manifest} ${errorOf(refusal)} ${refusal.kind} ${refusal.text}`], log: [] };
  const { lines, refusals } = examined(layout, manifest, names);
  const log = refusals.slice(0, burst).map(({ kind, text }) => `/${manifest.slice(0, 12)}): ${kind} metadata ${metadata}: ${text}`);
  return { lines: [`${manifest} mounted`, ...lines], log: report === undefined ? log : [...log, report] };
}

/** The driver's message without the digest of the blob. Kernels without CONFIG_SYMBOLIC_ERRNAME, as the debug kernel, print numbers of errors. */
const withoutDigest = (line: string): string =>
  line
    .replace(/ e puzzlefs: (corrupt|unsupported) (?:metadata|manifest) [0-9a-f]{64}: /, " $1 ")
    .replace(/: -(\d+)$/, (_, number: string) => `: -${getSystemErrorName(-Number(number))}`);

/** Lines of output by image. */
function sections(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of output.trimEnd().split("\n")) {
    if (!line.startsWith("/")) found.set(line.slice(0, 64), (lines = []));
    lines.push(withoutDigest(line));
  }
  return found;
}

const lacks = obstacle();
const title = "the driver's verdicts on hostile images are the reader's";
if (lacks !== "") test.skip(`${title} (needs ${lacks})`, () => {});
else {
  test.serial(title, async (t) => {
    t.timeout(20 * minutes);
    if (!isKernelName(kernel)) return;
    const scratch = new Scratch();
    t.teardown(() => scratch.remove());
    const layout = scratch.fresh("oci");
    const bases = makeBases(scratch.directory("bases"), layout);
    const store = new HostileStore(layout, "used");
    for (const { name, manifest } of bases) store.manifest(name, manifest);
    addCorpus(store);
    addSeekTables(store);
    addMutations(store, bases, hostileImages);
    const large = store.blob(manifestOf(metadataTooLarge));
    const list = join(layout, "manifests");
    writeFileSync(list, store.images.map(({ manifest }) => `${manifest}\n`).join(""));
    const disk = storeDisk(layout);
    t.teardown(() => disk.remove());
    const found = findKernel(kernel);
    const machine = await Machine.boot(found, readFileSync(buildModule(found).path), {
      disks: [{ image: disk.image }],
      files: { ...luaProgram(), ...luaPrograms() },
      bootTimeout: 5 * minutes,
    });
    t.teardown(() => machine.kill());
    await machine.succeed("modprobe -a sha256_ssse3 2>/dev/null; insmod /puzzlefs.ko; mkdir /store; mount /dev/vda /store");
    const examine = async (manifests: string): Promise<Outcome> => {
      const command = `lua /examine.lua /store ${manifests} ${names}`;
      const outcome = await machine.run(command, { timeout: 20 * minutes });
      t.is(outcome.status, 0, `${outcome.stderr}\nafter ${outcome.stdout.slice(-500)}`);
      return outcome;
    };
    const memory = async (): Promise<number> => Number(await machine.succeed(memoryInUse));
    await machine.succeed("head -n 200 /store/manifests >/first");
    await examine("/first");
    const before = await memory();
    const begin = performance.now();
    const { stdout, log } = await examine("/store/manifests");
    const seconds = (performance.now() - begin) / 1000;
    let lost = 0;
    await eventually(async () => (lost = (await memory()) - before) < lostAtMost);
    t.true(lost < lostAtMost, `${lost} KiB more in use than before`);
    for (const { object, size, manifest, rule } of [
      { object: manifestTooLarge, size: 2 ** 26 + 1, manifest: manifestTooLarge, rule: "manifest-too-large" },
      { object: metadataTooLarge, size: 2 ** 32 - 1, manifest: large, rule: "message-too-large" },
    ]) {
      await machine.succeed(`truncate -s ${size} /store/blobs/sha256/${object}; echo ${manifest} >/large`);
      const refused = withoutDigest((await examine("/large")).stdout.trimEnd());
      t.is(refused, `${manifest} EOPNOTSUPP unsupported ${rule} (inode 0, byte 0)`);
    }
    await machine.succeed("umount /store");
    t.is(await machine.succeed("ls /sys/fs/ext4 | grep vda || true"), "", "the store's filesystem is still in use");
    await machine.succeed("rmmod puzzlefs");
    await machine.close();

    const actual = sections(stdout);
    const opened = Layout.open(layout);
    const wanted = store.images.map((image) => ({ ...image, ...expected(opened, image) }));
    const differ = wanted.flatMap(({ name, manifest, lines: good }) => {
      const lines = actual.get(manifest) ?? [];
      const first = good.findIndex((line, i) => line !== lines[i]);
      const at = first === -1 && lines.length > good.length ? good.length : first;
      return at === -1 ? [] : [{ name, manifest, actual: lines[at], expected: good[at] }];
    });
    t.deepEqual(differ.slice(0, 20), [], `${differ.length} of ${store.images.length} images`);
    const unreported = wanted.flatMap((image) => image.log.filter((line) => !log.includes(line)));
    t.deepEqual(unreported.slice(0, 20), [], `${unreported.length} lines are missing in the kernel log`);
    const used = wanted.filter((image) => image.log.some((line) => line.includes(" metadata "))).length;
    t.true(used > hostileImages / 40, `${used} images have inodes that are refused at their first use`);
    const rules = new Set(store.images.flatMap(({ refusal }) => refusal?.text.split(" ")[0] ?? []));
    const mounted = store.images.filter(({ refusal }) => refusal === undefined).length;
    t.log(`${store.images.length} images, ${mounted} mounted, refused for ${rules.size} rules, ${used} at first use; ${Math.round(seconds)} s; ${lost} KiB more in use`);
  });
}
