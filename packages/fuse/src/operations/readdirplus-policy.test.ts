import test from "ava";
import { Foresight } from "./readdirplus-policy.ts";

/** How many of `count` listings come with attributes; `looks`: each that does not is followed by a look-up. */
function list(foresight: Foresight, count: number, looks: boolean): number {
  let complete = 0;
  for (let directory = 1; directory <= count; directory++) {
    if (foresight.wantsAttributes(directory)) complete++;
    else if (looks) foresight.lookedUp(directory);
  }
  return complete;
}

test("who wants names only gets names only", (t) => {
  t.is(list(new Foresight(), 1000, false), 0);
});

test("who looks at everything soon gets everything, but for a probe now and then", (t) => {
  t.is(list(new Foresight(), 10_000, true), 10_000 - 42);
});

test("a change of mind is noticed", (t) => {
  const foresight = new Foresight();
  list(foresight, 10_000, true);
  t.true(list(foresight, 10_000, false) <= 256);
  t.true(list(foresight, 10_000, true) >= 9_900);
});

test("look-ups in other directories say nothing", (t) => {
  const foresight = new Foresight();
  t.false(foresight.wantsAttributes(7));
  foresight.lookedUp(8);
  t.false(foresight.wantsAttributes(9));
  foresight.lookedUp(9);
  t.true(foresight.wantsAttributes(10));
});
