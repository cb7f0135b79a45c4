import type { GarbageReport } from "@puzzlefs/oci";
import test from "ava";
import { unneededSection } from "./unneeded.ts";

const count = (bytes: number): { blobs: number; bytes: number } => ({ blobs: bytes === 0 ? 0 : 1, bytes });

function garbageOf(change: Partial<GarbageReport>): GarbageReport {
  const none = { inUse: count(0), young: count(0), freed: count(0), evicted: count(0), pending: count(0) };
  const temporaries = { directories: 0, bytes: 0 };
  return { dryRun: true, entries: 1, writers: 0, needed: count(1000), ...none, temporaries, ...change };
}

/** The first paragraph. */
async function messageOf(garbage: GarbageReport | null): Promise<string | undefined> {
  const { text } = await unneededSection({ garbage, garbageProblem: "a <reason>", packs: [] });
  return /<p>([^<]*)<\/p>/.exec(text)?.[1]?.trim();
}

test("the message counts what gc would free, and names the builds for which it frees nothing", async (t) => {
  t.is(await messageOf(garbageOf({})), "Nothing: an image needs every file of the 1.0 kB in the store.");
  const freed = { freed: count(400), temporaries: { directories: 1, bytes: 100 }, pending: count(500) };
  t.is(await messageOf(garbageOf(freed)), "puzzlefs gc --grace 0 would free 500 B of 2.0 kB, 25.0 %.");
  t.is(
    await messageOf(garbageOf({ pending: count(1000) })),
    "No image needs 1.0 kB of 2.0 kB; builds at work may need them, so that gc frees nothing now.",
  );
  t.is(await messageOf(null), "It is not known what no image needs: a &lt;reason&gt;");
});

test("dead bytes of packs are not counted twice", async (t) => {
  const garbage = garbageOf({ freed: count(1000) });
  const packs = [{ digest: "0".repeat(64), bytes: 600, needed: 200, images: 1, isMissing: false }];
  const { text } = await unneededSection({ garbage, garbageProblem: null, packs });
  const cells = [...text.matchAll(/<td class="number">([^<]*)<\/td>/g)].map(([, cell]) => cell);
  t.deepEqual(cells, ["600 B", "30.0 %", "400 B", "20.0 %", "1.0 kB", "50.0 %"]);
});
