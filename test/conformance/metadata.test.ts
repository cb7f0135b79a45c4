import assert from "node:assert/strict";
import { encodeRootfs } from "@puzzlefs/format";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { damaged } from "./damage.ts";
import { spoiled } from "./defects.ts";
import { agreed, note, runs, useHarnesses } from "./harness-fixture.ts";
import { Model, violations } from "./model.ts";
import { Random } from "@puzzlefs/testing";
import { reencoded, withChunkTable } from "./reencode.ts";
import { randomSample } from "./recorded.ts";
import { latin1 } from "./trees.ts";
import { outcome, withoutUses } from "./verdict.ts";

const harnesses = useHarnesses(test);
const seed = fc.nat(2 ** 31 - 1);
const size = fc.nat(40);

/** The listings of a verdict: names in latin1 and their inode numbers, by directory. */
function listed(verdict: string): Map<number, [string, number][]> {
  const directories = new Map<number, [string, number][]>();
  let names: [string, number][] = [];
  for (const line of verdict.split("\n")) {
    const [, dir] = /^dir (\d+)$/.exec(line) ?? [];
    const [, hex, ino] = /^\d+ ((?:[0-9a-f]{2})+) (\d+) /.exec(line) ?? [];
    if (dir !== undefined) directories.set(Number(dir), (names = []));
    if (hex !== undefined) names.push([latin1(Buffer.from(hex, "hex")), Number(ino)]);
  }
  return directories;
}

const sorted = (names: Iterable<[string, number]>): [string, number][] =>
  [...names].toSorted(([a], [b]) => (a < b ? -1 : 1));

test("images that keep every rule are accepted and show the tree that was put in, in every encoding", async (t) => {
  const property = fc.asyncProperty(seed, size, async (choice, steps) => {
    const random = new Random(choice);
    const { value, shown } = randomSample(random, steps);
    assert.deepEqual(violations(value), new Set());
    const message = encodeRootfs(value);
    const verdict = await agreed(harnesses, "metadata", message);
    assert.equal(outcome(verdict), "accepted");
    const model = new Model(value);
    const tree = listed(verdict);
    assert.deepEqual(new Set(tree.keys()), new Set(shown.keys()));
    for (const [dir, names] of tree) {
      assert.deepEqual(names, [...model.list(dir)]);
      assert.deepEqual(sorted(names), sorted(shown.get(dir) ?? []));
    }
    const again = await agreed(harnesses, "metadata", reencoded(message, random));
    assert.equal(withoutUses(again), withoutUses(verdict));
  });
  await fc.assert(property, runs(500));
  t.pass();
  note(t, harnesses);
});

test("the table of chunks of early builders is ignored", async (t) => {
  const property = fc.asyncProperty(seed, size, async (choice, steps) => {
    const random = new Random(choice);
    const message = encodeRootfs(randomSample(random, steps).value);
    const verdict = await agreed(harnesses, "metadata", message);
    const rows = Array.from({ length: 1 + random.below(4) }, () => ({
      digest: random.bytes(random.pick([32, 32, 31, 0])),
      offset: random.below(2 ** 30),
      length: random.below(2 ** 30),
      compressed: random.once(2),
    }));
    const extended = withChunkTable(message, rows, random);
    for (const { digest } of rows) assert.ok(Buffer.from(extended).includes(Buffer.from(digest)));
    assert.equal(withoutUses(await agreed(harnesses, "metadata", extended)), withoutUses(verdict));
  });
  await fc.assert(property, runs(200));
  t.pass();
});

test("images with a value changed are accepted exactly if they still keep every rule", async (t) => {
  const rules = new Map<string, number>();
  const property = fc.asyncProperty(seed, fc.integer({ min: 1, max: 30 }), async (choice, steps) => {
    const random = new Random(choice);
    const { value } = randomSample(random, steps);
    const changed = spoiled(value, random);
    const broken = violations(changed);
    const message = encodeRootfs(changed);
    const verdict = await agreed(harnesses, "metadata", random.once(2) ? reencoded(message, random) : message);
    const [, rule] = outcome(verdict).split(" ");
    if (rule === undefined) assert.deepEqual(broken, new Set());
    else assert.ok(broken.has(rule), `refused for ${rule}, breaks ${[...broken].join(", ") || "nothing"}`);
    rules.set(rule ?? "accepted", (rules.get(rule ?? "accepted") ?? 0) + 1);
  });
  await fc.assert(property, runs(1200));
  t.log([...rules].map(([rule, count]) => `${rule} ${count}`).join(", "));
  t.pass();
  note(t, harnesses);
});

test("damaged messages get one verdict from TypeScript and C", async (t) => {
  const outcomes = new Map<string, number>();
  const property = fc.asyncProperty(seed, fc.nat(20), async (choice, steps) => {
    const random = new Random(choice);
    const message = encodeRootfs(randomSample(random, steps).value);
    const whole = random.once(2) ? reencoded(message, random) : message;
    for (let i = 0; i < 4; i++) {
      const [, rule = "accepted"] = outcome(await agreed(harnesses, "metadata", damaged(whole, random))).split(" ");
      outcomes.set(rule, (outcomes.get(rule) ?? 0) + 1);
    }
  });
  await fc.assert(property, runs(900));
  t.log([...outcomes].map(([rule, count]) => `${rule} ${count}`).join(", "));
  t.pass();
  note(t, harnesses);
});
