import test from "ava";
import { LayoutError } from "./errors.ts";
import { ImageIndex, REF_NAME } from "./index-json.ts";

const digest = `sha256:${"1".repeat(64)}`;
const amd64 = { architecture: "amd64", os: "linux" };
const descriptor = { mediaType: "m", digest, size: 5, platform: amd64 };
const added = `{"annotations":{"${REF_NAME}":"v1"},"digest":"${digest}","mediaType":"m","platform":{"architecture":"amd64","os":"linux"},"size":5}`;
const indexOf = (text: string) => ImageIndex.parse(Buffer.from(text, "latin1"), "index.json");
const written = (text: string) => indexOf(text).withTag("v1", descriptor).bytes().toString("latin1");
const tagged = (members: string) => `{"annotations": {"${REF_NAME}":"v1"}, ${members}}`;

test("unknown members are kept as they are spelled", (t) => {
  // Numbers that JavaScript cannot have, members in any order and twice, escapes, bytes that are not UTF-8, white space.
  const entry = '{"size":18446744073709551616, "z":1.0e+2,"a":-0 ,"z":"\\u0061\xff", "digest":null}';
  const around = [
    ['{"x":[1.50],\n "manifests" :[ ', ' ], "x":{} }\n'],
    [`{"manifests":[${entry} ,\t`, `, null ],"schemaVersion":2}`],
  ];
  for (const [before, after] of around) {
    t.is(
      written(`${before}${entry}${after}`),
      `${before}${entry},${added}${after}`.replace(`,${added}, null`, `, null,${added}`),
    );
    const old = tagged('"platform":null');
    t.is(written(`${before}${entry} , ${old}${after}`), `${before}${entry} , ${added}${after}`);
    t.is(written(`${before}${old} , ${entry}${after}`), `${before}${added} , ${entry}${after}`);
    t.is(written(`${before}${old} , ${entry} ,${old}${after}`), `${before}${added} , ${entry}${after}`);
  }
});

test("an entry is added to an index without entries, whatever its `manifests` is", (t) => {
  t.is(written("{}"), `{"manifests":[${added}]}`);
  t.is(written('{"schemaVersion":2}'), `{"manifests":[${added}],"schemaVersion":2}`);
  t.is(written('{"schemaVersion":2,"manifests":null}'), `{"schemaVersion":2,"manifests":[${added}]}`);
  t.is(written('{"manifests":[ ]}'), `{"manifests":[${added} ]}`);
  t.is(written('{"manifests":[1],"manifests":[]}'), `{"manifests":[1],"manifests":[${added}]}`);
});

test("a tag has an entry for each platform", (t) => {
  const kept = [
    tagged('"platform":{"architecture":"arm64","os":"linux"}'),
    tagged('"platform":{"architecture":"amd64","os":"windows"}'),
    tagged('"platform":{"architecture":"amd64","os":"linux","variant":"v3"}'),
    tagged('"platform":{"os":"linux"}'),
    tagged('"platform":"linux/amd64"'),
    tagged('"mediaType":"application/vnd.oci.image.index.v1+json"'),
    '{"annotations":null}',
    `{"annotations":{"${REF_NAME}":"v2"}}`,
    `{"annotations":{"${REF_NAME}":["v1"]}}`,
    "null",
  ];
  const replaced = [
    tagged('"size":1'),
    tagged('"platform":null'),
    tagged('"mediaType":"application/vnd.docker.distribution.manifest.v2+json"'),
    tagged('"platform":{"architecture":"amd64","os":"linux","os.features":[]}'),
    tagged('"platform":{"architecture":"amd64","os":"linux","variant":"v1"}'),
  ];
  for (const old of kept) {
    const isIndex = old.includes("image.index");
    t.is(written(`{"manifests":[${old}]}`), `{"manifests":[${isIndex ? `${added},${old}` : `${old},${added}`}]}`);
  }
  for (const old of replaced) t.is(written(`{"manifests":[${old}]}`), `{"manifests":[${added}]}`);
  t.is(
    written(`{"manifests":[${[...kept.slice(0, 4), ...replaced].join()}]}`),
    `{"manifests":[${kept.slice(0, 4).join()},${added}]}`,
  );
});

test("members of a wrong type are read as absent", (t) => {
  const values = ["null", "1", "[]", "{}", '""', "true", "1e999", '"\\ud800"', "[[[]]]"];
  for (const key of ["mediaType", "digest", "size", "annotations", "platform", "artifactType"])
    for (const value of values) {
      const [entry] = indexOf(`{"manifests":[{"${key}":${value}}]}`).entries();
      t.is(entry?.tag, undefined);
      t.is(entry?.size, key === "size" && value === "1" ? 1 : undefined);
    }
  t.is([...indexOf('{"manifests":[null,1,"x",[],{}]}').entries()].length, 5);
});

test("a text that is not an index is refused, and not quoted", (t) => {
  for (const text of [
    "",
    "secret",
    "[]",
    "null",
    '{"manifests":"secret"}',
    '{"manifests":[secret]}',
    '{"manifests":[]}secret',
  ]) {
    const error = t.throws(() => indexOf(text), { instanceOf: LayoutError });
    t.is(error?.kind, "corrupt");
    t.false(error?.message.includes("secret"));
  }
});

test("a base is one if it has a name and a sha256, whatever other tools write", (t) => {
  const [name, known] = ["org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"];
  const baseOf = (annotations: object) =>
    [...indexOf(JSON.stringify({ manifests: [{ annotations }] })).entries()].map(({ base }) => base);
  t.deepEqual(baseOf({ [name]: "host/x:v1", [known]: digest }), [{ name: "host/x:v1", digest: "1".repeat(64) }]);
  for (const other of [null, 5, "sha512:00", "1".repeat(64), undefined])
    t.deepEqual(baseOf({ [name]: "host/x:v1", [known]: other }), [undefined]);
  t.deepEqual(baseOf({ [known]: digest }), [undefined]);
  t.deepEqual(baseOf({ [name]: {}, [known]: digest }), [undefined]);
});
