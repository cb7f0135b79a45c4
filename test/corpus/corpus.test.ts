import { RULES } from "@puzzlefs/format";
import test from "ava";
import { agreed, useHarnesses } from "../conformance/harness-fixture.ts";
import { WITHOUT_CASE, corpusCases } from "./corpus.ts";

const harnesses = useHarnesses(test);
const cases = corpusCases();

for (const { rule, object, bytes, size } of cases) {
  test(`${object}: ${rule}`, async (t) => {
    const verdict = await agreed(harnesses, object, bytes, size);
    const kind = RULES.find(([name]) => name === rule)?.[1];
    t.regex(verdict, new RegExp(`^refused ${rule} ${kind} `, "m"));
  });
}

test("every rule has exactly one case, or a reason why it has none", (t) => {
  const named = [...cases.map(({ rule }) => rule), ...Object.keys(WITHOUT_CASE)];
  t.deepEqual(named.toSorted(), RULES.map(([rule]) => rule as string).toSorted());
});
