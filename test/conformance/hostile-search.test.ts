/** Searches for images that cost a reader most for their size, and bounds what they cost. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Random, rounds } from "@puzzlefs/testing";
import test from "ava";
import { climb } from "./hostile-search.ts";
import { compileTicks } from "./ticks.ts";

const imageBytes = 1 << 16;
const steps = rounds(250);

/** Basic blocks that the generated C executes. */
interface Costs {
  check: number;
  list: number;
  lookUp: number;
  use: number;
  /** Between two pauses. */
  longest: number;
}

/** About five instructions are a basic block. */
const instructionsPerBlock = 6;
const giga = 1e9;

/**
 * What is sought, and its bound: of checks and listings blocks for each byte of the image; of one look-up, of one use of an inode, and
 * between two pauses blocks.
 */
const AIMS: Record<keyof Costs, number> = {
  check: 5000,
  list: 5000,
  lookUp: 1_000_000,
  use: 1_000_000,
  longest: (0.3 * giga) / instructionsPerBlock,
};

/** A program that measures one image after the other. */
class Meter {
  readonly #child;
  readonly #lines;

  constructor(program: string) {
    this.#child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async measure(image: Uint8Array): Promise<Costs | undefined> {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(image.length);
    this.#child.stdin.write(Buffer.concat([length, image]));
    const { value } = await this.#lines.next();
    const [rule, check, list, lookUp, use, longest] = String(value).split(" ");
    if (rule !== "none") return undefined;
    return {
      check: Number(check),
      list: Number(list),
      lookUp: Number(lookUp),
      use: Number(use),
      longest: Number(longest),
    };
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await once(this.#child, "exit");
  }
}

for (const aim of Object.keys(AIMS) as (keyof Costs)[]) {
  test(`no image was found that costs more than its size allows: ${aim}`, async (t) => {
    const meter = new Meter(await compileTicks("cost.c", ["-fsanitize-coverage=trace-pc"]));
    let valid = 0;
    const { plan, score } = await climb(new Random(), steps, imageBytes, async (image) => {
      const costs = await meter.measure(image);
      if (costs === undefined) return 0;
      valid++;
      return aim === "check" || aim === "list" ? costs[aim] / image.length : costs[aim];
    });
    await meter.close();
    t.log(`${Math.round(score)} of ${AIMS[aim]}, ${valid} images: ${JSON.stringify(plan)}`);
    t.true(score < AIMS[aim]);
    t.true(valid > steps / 4);
  });
}
