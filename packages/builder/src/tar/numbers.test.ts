import fc from "@puzzlefs/testing/fast-check";
import test from "ava";

import { fieldNumber, formatMoment, parseMoment } from "./numbers.ts";
import { formatRecord, parseRecords } from "./pax.ts";

const field = (text: string): Buffer => Buffer.from(text, "latin1");

const fields: [text: string, value: number | undefined][] = [
  ["0000644\0", 0o644],
  ["   644 \0", 0o644],
  ["644 \0\0\0\0", 0o644],
  ["\0\0\0\0\0\0\0\0", 0],
  ["        ", 0],
  ["77777777", 0o77777777],
  ["0000648\0", undefined],
  ["-000644\0", undefined],
  ["64 4\0\0\0\0", undefined],
  ["\x80\0\0\0\0\0\x01\x00", 256],
  ["\xff\xff\xff\xff\xff\xff\xff\xff", -1],
  ["\xff\xff\xff\xff\x80\0\0\0", -0x80000000],
  ["\x80\x1f\xff\xff\xff\xff\xff\xff", 2 ** 53 - 1],
  ["\x80\x20\0\0\0\0\0\0", undefined],
  ["\xbf\xff\xff\xff\xff\xff\xff\xff", undefined],
];

for (const [text, value] of fields) {
  test(`the field ${JSON.stringify(text)} is ${value}`, (t) => {
    t.is(fieldNumber(field(text)), value);
  });
}

const moments: [text: string, seconds: number, nanoseconds: number][] = [
  ["0", 0, 0],
  ["7.5", 7, 500_000_000],
  ["7.000000001", 7, 1],
  ["7.0000000019", 7, 1],
  ["7.", 7, 0],
  ["-1", -1, 0],
  ["-1.5", -2, 500_000_000],
  ["-0.25", -1, 750_000_000],
];

for (const [text, seconds, nanoseconds] of moments) {
  test(`the time ${text}`, (t) => {
    t.deepEqual(parseMoment(text), { seconds, nanoseconds });
  });
}

for (const text of ["", "-", "1e9", "1,5", " 1", "+1", "0x1", "99999999999999999", ".5"]) {
  test(`${JSON.stringify(text)} is no time`, (t) => {
    t.is(parseMoment(text), undefined);
  });
}

test("a time that is written is read again", (t) => {
  const time = fc.record({ seconds: fc.maxSafeInteger(), nanoseconds: fc.nat(999_999_999) });
  fc.assert(
    fc.property(time, (moment) => {
      if (Math.abs(moment.seconds) > 1e15) return;
      t.deepEqual(parseMoment(formatMoment(moment)), moment);
    }),
  );
});

test("records that are written are read again, and no others", (t) => {
  const record = fc.tuple(fc.stringMatching(/^[A-Za-z.]{1,120}$/), fc.uint8Array({ maxLength: 1100 }));
  fc.assert(
    fc.property(fc.array(record), (pairs) => {
      const text = Buffer.concat(pairs.map(([key, value]) => formatRecord(key, value)));
      const found = parseRecords(text);
      t.deepEqual(
        found?.map(({ key, value }) => [key, [...value]]),
        pairs.map(([key, value]) => [key, [...value]]),
      );
      if (text.length > 0) t.is(parseRecords(text.subarray(0, -1)), undefined);
    }),
  );
});

test("bytes of any kind are records or none", (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void parseRecords(Buffer.from(bytes))));
  t.pass();
});
