import test from "ava";
import { ReaddirplusPolicy } from "./readdirplus-policy.ts";

/** How many of `count` listings come with attributes; `looks`: each that does not is followed by a look-up. */
function list(policy: ReaddirplusPolicy, count: number, looks: boolean): number {
  let complete = 0;
  for (let directory = 1; directory <= count; directory++) {
    if (policy.wantsAttributes(directory)) complete++;
    else if (looks) policy.lookedUp(directory);
  }
  return complete;
}

test("a program that needs names only gets names only", (t) => {
  t.is(list(new ReaddirplusPolicy(), 1000, false), 0);
});

test("a program that looks at every inode soon gets all attributes, except for probes", (t) => {
  t.is(list(new ReaddirplusPolicy(), 10_000, true), 10_000 - 42);
});

test("a change of mind is noticed", (t) => {
  const policy = new ReaddirplusPolicy();
  list(policy, 10_000, true);
  t.true(list(policy, 10_000, false) <= 256);
  t.true(list(policy, 10_000, true) >= 9_900);
});

test("lookups in other directories have no effect", (t) => {
  const policy = new ReaddirplusPolicy();
  t.false(policy.wantsAttributes(7));
  policy.lookedUp(8);
  t.false(policy.wantsAttributes(9));
  policy.lookedUp(9);
  t.true(policy.wantsAttributes(10));
});
