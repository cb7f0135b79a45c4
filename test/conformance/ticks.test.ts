/** The generated C as a kernel runs it: its loops may end after any round, when the task is killed. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { encodeRootfs } from "@puzzlefs/format";
import { Random, rounds } from "@puzzlefs/testing";
import test from "ava";
import { HARD } from "./hard-images.ts";
import { spoiled } from "./defects.ts";
import { randomSample } from "./recorded.ts";
import { compileTicks } from "./ticks.ts";

const compile = (): Promise<string> => compileTicks("ticks.c", ["-fsanitize=address,undefined"]);

interface Cut {
  /** Of checking, and of the longest listing of a directory. */
  rounds: number;
  listed: number;
  rule: string;
  /** What was wrong to return when the check was cut short. */
  wrong: string[];
}

/** Checks metadata, and again with the task killed after as many of its rounds as `moments`. */
async function cut(program: string, bytes: Uint8Array, moments: number): Promise<Cut> {
  const child = promisify(execFile)(program, [String(bytes.length), String(moments)]);
  child.child.stdin?.end(bytes);
  const [first = "", ...wrong] = (await child).stdout.trimEnd().split("\n");
  const [checked, listed, rule = ""] = first.split(" ");
  return { rounds: Number(checked), listed: Number(listed), rule, wrong };
}

test("a check that is cut short at any round reports neither success nor a broken rule, and ends at once", async (t) => {
  const program = await compile();
  const random = new Random();
  const rules = new Map<string, number>();
  let moments = 0;
  for (let i = 0; i < rounds(60); i++) {
    const { value } = randomSample(random, 1 + random.below(30));
    const {
      rounds: needed,
      rule,
      wrong,
    } = await cut(program, encodeRootfs(i % 2 ? spoiled(value, random) : value), 400);
    t.deepEqual(wrong, [], `image ${i}`);
    rules.set(rule, (rules.get(rule) ?? 0) + 1);
    moments += Math.min(needed, 400);
  }
  t.log(`${moments} moments; ${[...rules].map(([rule, count]) => `${rule} ${count}`).join(", ")}`);
  t.true(moments > 1000 && rules.size > 3);
});

for (const [what, make] of Object.entries(HARD)) {
  test(`a costly check is cut short: ${what}`, async (t) => {
    const bytes = make();
    const { rounds: needed, listed, wrong } = await cut(await compile(), bytes, 20);
    t.deepEqual(wrong, []);
    t.log(`${needed} rounds of checks, ${listed} of the longest listing, for ${bytes.length} bytes`);
    t.true(needed > 1000);
  });
}
