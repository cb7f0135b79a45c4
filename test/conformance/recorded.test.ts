/** An image that records its tree is checked at the first use of each inode: what a reader sees then, beside a check of all. */
import assert from "node:assert/strict";
import {
  encodeRootfs,
  FormatError,
  nextName,
  openMetadata,
  openRecordedMetadata,
  type Metadata,
} from "@puzzlefs/format";
import { Random } from "@puzzlefs/testing";
import fc from "@puzzlefs/testing/fast-check";
import test from "ava";
import { damaged } from "./damage.ts";
import { spoiled } from "./defects.ts";
import { runs } from "./harness-fixture.ts";
import { violations } from "./model.ts";
import { recorded } from "./recorded.ts";
import { reencoded } from "./reencode.ts";
import { randomImage } from "./trees.ts";

const seed = fc.nat(2 ** 31 - 1);

/** All that a reader which walks the tree sees of its inodes. Throws FormatError. */
function walked(metadata: Metadata): string {
  const { image, inodes, contentBytes, traits } = metadata;
  const lines = [`${inodes} ${contentBytes} ${traits}`];
  const queue = [1];
  for (const dir of queue) {
    const record = metadata.find(dir);
    lines.push(record === undefined ? `no ${dir}` : `dir ${dir} in ${metadata.parentOf(record)}`);
    for (let next = nextName(image, dir, 0); next !== undefined; next = nextName(image, dir, next.cookie)) {
      metadata.checkChild(next.inode, dir);
      const found = metadata.find(next.inode.ino);
      assert.ok(found !== undefined);
      const { ino, mode, permissions } = found.inode;
      lines.push(`${next.entry.name.length} ${ino} ${mode.kind} ${permissions} ${metadata.linksOf(found)}`);
      if (mode.kind === "dir") queue.push(ino);
      assert.ok(queue.length < 10000, "a directory is reached again");
    }
  }
  return lines.join("\n");
}

/** The result, or the rule that is broken. */
function attempt(open: () => Metadata): { shown?: string; rule?: string } {
  try {
    return { shown: walked(open()) };
  } catch (error) {
    if (error instanceof FormatError) return { rule: error.rule };
    throw error;
  }
}

function compare(message: Uint8Array): string {
  const whole = attempt(() => openMetadata(message));
  const used = attempt(() => openRecordedMetadata(message, "metadata"));
  if (whole.rule === undefined) assert.deepEqual(used, whole);
  if (used.rule !== undefined) assert.ok(whole.rule !== undefined, `refused at use for ${used.rule}`);
  return whole.rule === undefined
    ? "both accept"
    : used.rule === undefined
      ? `only whole: ${whole.rule}`
      : "both refuse";
}

test("what is recorded is what a walk of the tree counts", (t) => {
  const property = fc.property(seed, fc.nat(40), (choice, steps) => {
    const random = new Random(choice);
    const value = recorded(randomImage(random, steps).value, random);
    assert.deepEqual(violations(value), new Set());
    assert.equal(compare(reencoded(encodeRootfs(value), random)), "both accept");
  });
  fc.assert(property, runs(300));
  t.pass();
});

test("a reader at first use sees the tree that is checked as a whole, and refuses nothing that is good", (t) => {
  const outcomes = new Map<string, number>();
  const property = fc.property(seed, fc.nat(30), (choice, steps) => {
    const random = new Random(choice);
    const value = recorded(randomImage(random, steps).value, random);
    const changed = random.once(2) ? spoiled(value, random) : value;
    const message = reencoded(encodeRootfs(changed), random);
    const outcome = compare(random.once(2) ? damaged(message, random) : message);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  });
  fc.assert(property, runs(1000));
  t.log([...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(", "));
  t.pass();
});
