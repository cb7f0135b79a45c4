import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import {
  elements,
  isArrayAt,
  isObjectAt,
  JsonTextError,
  members,
  pick,
  textAt,
  wholeValue,
  type Span,
} from "./json-spans.ts";

const latin1 = (text: string): string => Buffer.from(text).toString("latin1");
const utf8 = (text: string): string => Buffer.from(text, "latin1").toString("utf8");

function accepted(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof JsonTextError || error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Walks all of a text by its spans, and compares each with what JSON.parse() makes of it. */
function compare(t: import("ava").ExecutionContext, text: string, span: Span, value: unknown): void {
  t.deepEqual(JSON.parse(utf8(text.slice(span.start, span.end))), value);
  if (isArrayAt(text, span)) {
    const items = [...elements(text, span)];
    t.is(items.length, (value as unknown[]).length);
    for (const [i, item] of items.entries()) compare(t, text, item, (value as unknown[])[i]);
  } else if (isObjectAt(text, span)) {
    const found = new Map([...members(text, span)].map((member) => [member.key, member]));
    t.deepEqual([...found.keys()].toSorted(), Object.keys(value as object).toSorted());
    for (const [key, member] of found) compare(t, text, member, (value as Record<string, unknown>)[key]);
  }
}

test("spans have the values that JSON.parse() finds", (t) => {
  const fixed = [
    '{"a":1,"a":[2]}',
    ' { "\\u0061" : "é\\ud83d\\ude00" , "" : [ ] } ',
    "[-0.5e+10,[[]],{}]",
    '{"__proto__":1}',
  ];
  for (const text of fixed) compare(t, latin1(text), wholeValue(latin1(text)), JSON.parse(text));
  fc.assert(
    fc.property(fc.json(), (text) => {
      compare(t, latin1(text), wholeValue(latin1(text)), JSON.parse(text));
    }),
  );
});

test("a text is accepted if and only if JSON.parse() accepts it", (t) => {
  const fixed = [
    "",
    " ",
    "{",
    "[1,]",
    '{"a":1,}',
    "{,}",
    "[,1]",
    "01",
    "1.",
    "-",
    "+1",
    "tru",
    "nulll",
    '"\t"',
    '"\\x"',
    '"\\u12g4"',
  ];
  fixed.push(
    '{"a"}',
    '{"a":}',
    "{a:1}",
    "[1 2]",
    "1 2",
    "]",
    '"',
    '"\\"',
    "[1}",
    '{"a":1]',
    "\u00a0[]",
    "NaN",
    "\ufeff[]",
    "1e",
    "1e5",
  );
  const agrees = (text: string): void => {
    const bytes = latin1(text);
    t.is(
      accepted(() => wholeValue(bytes)),
      accepted(() => JSON.parse(text)),
      text,
    );
  };
  fixed.forEach(agrees);
  const damage = fc.constantFrom("", ",", '"', "\\", "[", "]", "{", "}", ":", "0", "e", "-", " ", "\n", "\u0001");
  fc.assert(
    fc.property(fc.tuple(fc.json(), fc.nat(), fc.nat(3), damage), ([text, position, cut, put]) => {
      const at = position % (text.length + 1);
      agrees(text.slice(0, at) + put + text.slice(at + cut));
    }),
  );
});

test("of a duplicate member the last counts, and only requested members are kept", (t) => {
  const text = '{"a":"one","b":"two","a":"three","c":4}';
  const { a, c } = pick(text, wholeValue(text), "a", "c");
  t.deepEqual([textAt(text, a), textAt(text, c)], ["three", undefined]);
});

test("depth and length are bounded by no stack", (t) => {
  const deep = "[".repeat(10_000) + "]".repeat(10_000);
  t.deepEqual(wholeValue(deep), { start: 0, end: 20_000 });
  t.throws(() => wholeValue(`[${deep}]`), {
    instanceOf: JsonTextError,
    message: /^more than 10000 levels deep at line 1/,
  });
  for (const long of [
    `"${"x".repeat(8_000_000)}"`,
    "1".repeat(8_000_000),
    `"${"\\n".repeat(4_000_000)}"`,
    `1.${"1".repeat(8_000_000)}`,
  ])
    t.is(wholeValue(long).end, long.length);
});
