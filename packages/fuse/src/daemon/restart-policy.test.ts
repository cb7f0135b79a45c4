import test from "ava";
import { RestartPolicy } from "./restart-policy.ts";

test("servers that die at once are replaced after growing pauses, and not without end", (t) => {
  const policy = new RestartPolicy();
  const pauses = Array.from({ length: 6 }, (_, index) => policy.afterDeath(index * 1000, index * 1000 + 50, false));
  t.deepEqual(pauses, [0, 100, 200, 400, 800, undefined]);
});

test("work, or a long life without any, starts the count again", (t) => {
  const policy = new RestartPolicy();
  for (let round = 0; round < 10; round++) {
    const now = round * 100_000;
    for (let death = 0; death < 5; death++) t.not(policy.afterDeath(now, now + 50, false), undefined);
    t.is(policy.afterDeath(now, now + (round % 2 === 0 ? 50 : 20_000), round % 2 === 0), 0);
  }
});

test("many deaths in a minute cost a pause, however well each worked, and are forgotten", (t) => {
  const policy = new RestartPolicy();
  const pauses = Array.from({ length: 100 }, (_, index) => policy.afterDeath(0, index * 100, true));
  t.deepEqual(pauses.slice(8, 13), [0, 0, 50, 100, 150]);
  t.is(pauses.at(-1), 1000);
  t.is(policy.afterDeath(0, 120_000, true), 0);
});
