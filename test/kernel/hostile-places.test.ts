/**
 * Damaged and false place tables, mounted one after the other in one machine: the driver refuses the same tables as the
 * reader in user space, for the same rules, and reads the same bytes from the others.
 */
import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FormatError, PlaceTable } from "@puzzlefs/format";
import { Layout, PackedBlobs } from "@puzzlefs/oci";
import { storeDisk } from "@puzzlefs/qemu";
import { type ImageHeader, openHeader, readHeader } from "@puzzlefs/reader";
import { prose, Random } from "@puzzlefs/testing";
import test from "ava";
import { damaged } from "../conformance/damage.ts";
import { corpusCases } from "../corpus/corpus.ts";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { bootDriver, hostileImages, kernels, kernelTest, missingFor } from "./driver.ts";
import { look } from "./hostile-images.ts";
import { putBlob, settled } from "./packed-images.ts";
import { changedTable, type Table } from "./place-tables.ts";

const count = hostileImages / 4;
const minutes = 60_000;
const kernel = kernels[0] ?? "6.12";
const tags = ["raw", "zstd"];

interface HostileTable {
  name: string;
  header: ImageHeader;
  bytes: Uint8Array;
}

/** False tables that break no rule, by what is false. */
const changes: Record<string, (table: Table, random: Random) => void> = {
  "an offset": ({ chunks, packs }, random) => {
    const chunk = random.pick(chunks);
    chunk.offset = random.below((packs[chunk.pack]?.size ?? 0) - chunk.size + 1);
  },
  "a size": ({ chunks }, random) => {
    const chunk = random.pick(chunks);
    chunk.size = 1 + random.below(chunk.size);
  },
  "a pack": ({ chunks, packs }, random) => void (random.pick(chunks).pack = random.below(packs.length)),
  "two chunks": ({ chunks }, random) => {
    const [a, b] = [random.pick(chunks), random.pick(chunks)];
    [a.offset, a.pack, a.size, b.offset, b.pack, b.size] = [b.offset, b.pack, b.size, a.offset, a.pack, a.size];
  },
  "chunks that are left out": ({ chunks }, random) => void chunks.splice(random.below(chunks.length), 1 + random.below(4)),
  "all chunks": (table) => void (table.chunks = []),
  "the size of a pack": ({ packs }, random) => void (random.pick(packs).size += random.pick([-1, 1, 2 ** 40])),
  "the digest of a pack": ({ packs }, random) => void (random.pick(packs).digest[0] ^= 1),
  "fs-verity digests": ({ packs }) => packs.forEach(({ verity }) => verity.fill(0)),
  "a bomb: many chunks, all of them one slice": ({ chunks }, random) => {
    const { offset, pack } = random.pick(chunks);
    const more = Array.from({ length: 2000 }, () => ({ digest: Buffer.from(random.bytes(32)), offset, size: 1, pack }));
    chunks.push(...more);
    chunks.sort((a, b) => a.digest.compare(b.digest));
  },
};

function tablesOf(header: ImageHeader, random: Random, name: string): HostileTable[] {
  const good = Buffer.from(header.packed?.table.bytes ?? []);
  const tables: HostileTable[] = [{ name, header, bytes: good }];
  for (const [what, change] of Object.entries(changes))
    for (let i = 0; i < 6; i++) tables.push({ name: `${name}: ${what}`, header, bytes: changedTable(good, (table) => change(table, random)) });
  for (let i = 0; i < count; i++) tables.push({ name: `${name}: damaged`, header, bytes: damaged(good, random) });
  return tables;
}

/** What the driver must print: the meaning of a table is in docs/format.md. */
function expected(layout: Layout, { header, bytes }: HostileTable, verify: "none" | "blob"): string[] {
  const { manifestDigest, metadataDigest, manifest, metadata } = header;
  let table: PlaceTable;
  try {
    table = new PlaceTable(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { kind, rule, inode, offset } = error;
    return [`${kind === "corrupt" ? "EUCLEAN" : "EOPNOTSUPP"} ${kind} ${rule} (inode ${inode}, byte ${offset})`];
  }
  if (table.manifest !== manifestDigest) return ["EINVAL"];
  if (table.metadata !== metadataDigest) return ["ENOENT"];
  const blobs = new PackedBlobs(layout.blobs, table, new Map());
  using tree = openHeader({ manifestDigest, manifest, metadataDigest, metadata, blobs, mustHash: false }, { verify });
  const lines = [...tree.entries(1)].map((entry) => `/${Buffer.from(entry.name).toString("hex")} ${look(tree, entry)}`);
  blobs.close();
  return ["mounted", ...lines];
}

/** Lines of output by the option that names the table; messages without digests. */
function sections(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of output.trimEnd().split("\n")) {
    const [named = ""] = line.split(" ");
    if (line.startsWith("/")) lines.push(line);
    else {
      const rest = line.slice(named.length + 1).replace(/ e puzzlefs: (corrupt|unsupported) place table [0-9a-f]{64}: /, " $1 ");
      found.set(named, (lines = [/^(EINVAL|ENOENT) /.test(rest) ? rest.slice(0, 6) : rest]));
    }
  }
  return found;
}

kernelTest(kernel, "the driver's verdicts on hostile place tables are the reader's", async (t) => {
  if (missingFor(kernel) !== "") return;
  t.timeout(20 * minutes);
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  const store = scratch.directory("store");
  const path = join(store, "oci");
  const random = new Random(21);
  const tree = scratch.directory("tree");
  const chunks = ["--chunk-size", "4096:16384:65536"];
  const add = (from: number, to: number): void => {
    for (let i = from; i < to; i++) writeFileSync(join(tree, `${i}`), prose(i + 1, 9000 * (i + 1)));
  };
  for (const tag of tags) {
    const options = [...chunks, "--packed", ...(tag === "raw" ? [] : ["-c"])];
    add(0, 4);
    build(tree, `${path}:${tag}-base`, ...options);
    add(4, 9);
    build(tree, `${path}:${tag}`, ...options);
    for (let i = 4; i < 9; i++) truncateSync(join(tree, `${i}`), 0);
    settled(path, tag);
  }
  using layout = Layout.open(path);
  const headers = tags.map((tag) => ({ tag, header: readHeader(layout, tag) }));
  const tables = headers.flatMap(({ tag, header }) => tablesOf(header, random, tag));
  for (const { rule, object, bytes, size } of corpusCases())
    if (object === "place-table" && size === undefined && headers[0] !== undefined)
      tables.push({ name: rule, header: headers[0].header, bytes });
  const named = new Map(tables.map((table) => [`${table.header.manifestDigest},places=${putBlob(path, table.bytes)}`, table]));
  writeFileSync(join(path, "tables"), "");
  for (const name of named.keys()) appendFileSync(join(path, "tables"), `${name}\n`);
  const disk = storeDisk(store);
  t.teardown(() => disk.remove());
  const machine = await bootDriver(kernel, { disks: [disk] });
  t.teardown(() => machine.kill());
  const rules = new Set<string>();
  let mounted = 0;
  for (const verify of ["none", "blob"] as const) {
    const command = `lua /examine.lua /store/oci /store/oci/tables 100 verify=${verify}`;
    const { status, stdout, stderr } = await machine.run(command, { timeout: 20 * minutes });
    t.is(status, 0, `${stderr}\nafter ${stdout.slice(-500)}`);
    const actual = sections(stdout);
    const differ = [...named].flatMap(([name, table]) => {
      const wanted = expected(layout, table, verify);
      const [first = ""] = wanted;
      if (first === "mounted") mounted++;
      else rules.add(first.split(" ")[2] ?? first);
      const lines = actual.get(name) ?? [];
      const at = wanted.findIndex((line) => !lines.includes(line));
      return at < 0 && lines.length === wanted.length
        ? []
        : [{ table: table.name, expected: wanted[at] ?? wanted.length, actual: lines[at] ?? lines.length }];
    });
    t.deepEqual(differ.slice(0, 10), [], `verify=${verify}: ${differ.length} of ${named.size} tables`);
  }
  await machine.succeed("umount /store && rmmod puzzlefs");
  await machine.close();
  for (const { header } of headers) header.blobs.close();
  t.log(`${named.size} tables, ${mounted} mounts, refused for ${[...rules].join(", ")}`);
  t.true(mounted > 100 && rules.size > 6);
});

test("a table that is written is the one that was read", (t) => {
  for (const { object, bytes, rule } of corpusCases()) {
    if (object !== "place-table" || rule === "place-table-size" || rule.endsWith("packs") || rule.endsWith("magic")) continue;
    t.deepEqual(changedTable(bytes, () => {}), Buffer.from(bytes), rule);
  }
});
