import { eventually } from "@puzzlefs/testing";
import test from "ava";
import { Uploads } from "./uploads.ts";

/** Uploads that end by end() or fail(). */
class Steps {
  readonly begun: number[] = [];
  readonly #ends: PromiseWithResolvers<void>[] = [];

  upload(index: number): () => Promise<void> {
    const end = (this.#ends[index] = Promise.withResolvers<void>());
    return () => {
      this.begun.push(index);
      return end.promise;
    };
  }

  end(index: number): void {
    this.#ends[index]?.resolve();
  }

  fail(index: number, error: Error): void {
    this.#ends[index]?.reject(error);
  }
}

test("three are sent at a time, in order, the first ones while others are added", async (t) => {
  const steps = new Steps();
  await using uploads = new Uploads();
  for (let index = 0; index < 5; index++) uploads.add(steps.upload(index));
  t.deepEqual(steps.begun, [0, 1, 2]);
  steps.end(1);
  t.true(await eventually(() => steps.begun.length === 4));
  for (const index of [0, 2, 3, 4]) steps.end(index);
  await uploads.end();
  t.deepEqual(steps.begun, [0, 1, 2, 3, 4]);
});

test("after a failure none is begun, those that were end first, and the first failure is thrown", async (t) => {
  const steps = new Steps();
  await using uploads = new Uploads();
  for (let index = 0; index < 5; index++) uploads.add(steps.upload(index));
  steps.fail(0, new Error("first"));
  let hasEnded = false;
  const ended = t.throwsAsync(
    uploads.end().finally(() => (hasEnded = true)),
    { message: "first" },
  );
  t.true(
    await eventually(() => {
      try {
        uploads.add(steps.upload(5));
        return false;
      } catch {
        return true;
      }
    }),
  );
  t.false(hasEnded);
  steps.fail(1, new Error("second"));
  steps.end(2);
  await ended;
  t.deepEqual(
    steps.begun.filter((index) => index < 5),
    [0, 1, 2],
  );
});

test("what is left without an end waits for those that were begun, and begins no more", async (t) => {
  const steps = new Steps();
  let hasLeft = false;
  const left = (async () => {
    await using uploads = new Uploads();
    for (let index = 0; index < 5; index++) uploads.add(steps.upload(index));
    throw new Error("a damaged chunk");
  })().finally(() => (hasLeft = true));
  const failed = t.throwsAsync(left, { message: "a damaged chunk" });
  steps.end(0);
  steps.end(1);
  await Promise.resolve();
  t.false(hasLeft);
  steps.end(2);
  await failed;
  t.deepEqual(steps.begun, [0, 1, 2]);
});
