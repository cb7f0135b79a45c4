/** The memory of a FUSE server. */
import { constants, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { noise, running } from "@puzzlefs/testing";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import type { TestDirectory } from "./program-fixture.ts";

/** Bytes of the file, of the default cache, of a page. */
const CONTENT = 30 << 20;
const MIB = 1 << 20;
const PAGE = 4096;
/** Smaller than any frame of a large file: every one of them is touched, none is wanted whole. */
const STEP = 16_384;

/** RssAnon of the process that serves the mount with this fsname=: its memory without the program itself, bytes. */
function memory(fsname: string): number {
  const [daemon] = running(`puzzlefs mount ${fsname} `);
  const status = readFileSync(`/proc/${daemon.pid}/status`, "latin1");
  return Number(/^RssAnon:\s*(\d+)/m.exec(status)?.[1]) * 1024;
}

/** By how much memory grows while pieces of all frames are read. */
async function growth(directory: TestDirectory, option?: string): Promise<number> {
  // The daemon of the mount before may still be on its way out.
  const fsname = `${directory.root}/${option ?? "default"}`;
  const options = [`fsname=${fsname}`, ...(option === undefined ? [] : [option])];
  try {
    await directory.run("mount", "--driver=fuse", "-o", options.join(","), "store:v2", "mnt");
    const before = memory(fsname);
    await using file = await open(directory.path("mnt/content"), constants.O_RDONLY | constants.O_DIRECT);
    const page = Buffer.alloc(PAGE);
    for (let at = 0; at < CONTENT; at += STEP) await file.read(page, 0, PAGE, at);
    return memory(fsname) - before;
  } finally {
    unmountLeftover(directory);
  }
}

mountTest("-o cache= limits the cache of decompressed content", async (t) => {
  using directory = await withImage(t);
  // It compresses, to three quarters.
  writeFileSync(directory.path("root/content"), noise("content", CONTENT).toString("base64").slice(0, CONTENT));
  t.is((await directory.run("build", "-c", "root", "store:v2")).code, 0);
  const small = await growth(directory, "cache=512K");
  const usual = await growth(directory);
  const large = await growth(directory, "cache=28M");
  t.log(`512K: ${small}, default: ${usual}, 28M: ${large} bytes`);
  t.true(small < 10 * MIB);
  // 8 MiB, and what reading takes anyway.
  t.true(usual > 8 * MIB && usual < 20 * MIB);
  t.true(large > 26 * MIB);
});
