import { Readable } from "node:stream";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { bytesOf, Client } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { digestOf, endless, refuse, sendBlob, TestRegistry } from "./test-registry-fixture.ts";

const content = noise("registry transfer", 400_000);
const large = Buffer.alloc(1_200_000, content);
const kindOf = (error: unknown): string | undefined => (error instanceof RegistryError ? error.kind : undefined);

test("the address of a redirection serves further ranges until it expires", async (t) => {
  await using registry = await TestRegistry.start();
  await using store = await TestRegistry.start();
  const digest = registry.putBlob("a/b", content);
  store.putBlob("a/b", content);
  let signature = 1;
  registry.intercept = ({ path }, response) => {
    response.writeHead(307, { location: `${store.url}${path}?signature=${signature}` }).end();
    return true;
  };
  store.intercept = ({ query }, response) =>
    query.get("signature") !== String(signature) && (refuse(response, 403, "EXPIRED"), true);
  using client = new Client();
  const repository = client.open(registry);
  const read = async (start: number): Promise<void> => {
    const bytes = await bytesOf(await repository.blob(digest, { size: content.length, start, end: start + 10 }));
    t.true(content.subarray(start, start + 10).equals(bytes));
  };
  await read(0);
  await read(100);
  t.is(registry.requests.length, 1);
  signature = 2;
  await read(200);
  t.is(registry.requests.length, 2);
  t.is(store.requests.length, 4);
});

test("a body that breaks again and again is read to its end, a megabyte or more at a time", async (t) => {
  await using registry = await TestRegistry.start();
  const bytes = Buffer.alloc(9 << 20, content);
  const digest = registry.putBlob("a/b", bytes);
  registry.intercept = (seen, response) => {
    const start = Number(/^bytes=(\d+)-/.exec(seen.headers.range ?? "")?.[1] ?? 0);
    const headers = {
      "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
      "content-length": bytes.length - start,
    };
    response.writeHead(start === 0 ? 200 : 206, headers);
    response.write(bytes.subarray(start, start + 1_500_000), () => response.destroy());
    return true;
  };
  using client = new Client();
  t.true(bytes.equals(await client.open(registry).readBlob(digest, bytes.length)));
  t.true(registry.requests.length > 5, String(registry.requests.length));
});

test("a stream that its reader destroys ends the request, and a reader that pauses is no stall", async (t) => {
  await using registry = await TestRegistry.start();
  const bytes = Buffer.alloc(8 << 20, content);
  const digest = registry.putBlob("a/b", bytes);
  using client = new Client({ timing: { pause: 1, stall: 2000 } });
  const { stream } = await client.open(registry).blob(digest, { size: bytes.length });
  // Longer than a stall: the time of a stalled request on another connection.
  await using silent = await TestRegistry.start();
  silent.intercept = () => silent.requests.length === 1;
  t.is(kindOf(await t.throwsAsync(client.open(silent).manifest("v1"))), "absent");
  t.true(silent.requests.length > 1);
  t.is(stream.errored, null);
  t.is(registry.requests.length, 1);
  stream.destroy();
  await new Promise((resolve) => stream.once("close", resolve));
  t.is(registry.requests.length, 1);
});

test("a signal ends what a method waits for, with its reason", async (t) => {
  await using registry = await TestRegistry.start();
  const reason = new Error("enough");
  for (const hanging of ["request", "pause", "body"]) {
    const ending = new AbortController();
    using client = new Client({ timing: { pause: 1_000_000, stall: 1_000_000 } });
    registry.intercept = (_seen, response) => {
      if (hanging === "pause") refuse(response, 503, "UNAVAILABLE");
      if (hanging === "body") response.write("{");
      setImmediate(() => ending.abort(reason));
      return true;
    };
    const reading = client.open(registry).manifest("v1", { signal: ending.signal });
    t.is(await t.throwsAsync(reading), reason, hanging);
  }
});

test("a manifest is checked against its digest, the registry's digest, and the limit", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  const repository = client.open(registry);
  const digest = registry.putManifest("a/b", "v1", { schemaVersion: 2 });
  const found = await repository.manifest("v1");
  t.deepEqual([found.digest, found.mediaType], [digest, "application/vnd.oci.image.manifest.v1+json"]);
  t.deepEqual(await repository.headManifest(digest), { digest, size: found.bytes.length, mediaType: found.mediaType });
  t.is(await repository.headManifest("v2"), undefined);
  t.is(kindOf(await t.throwsAsync(repository.manifest("v2"))), "absent");
  registry.manifests.set(`a/b@${digest}`, { bytes: Buffer.from("{}"), type: "" });
  t.is(kindOf(await t.throwsAsync(repository.manifest(digest))), "corrupt");
  registry.intercept = (_seen, response) => {
    response.setHeader("docker-content-digest", digest);
    response.end("{}");
    return true;
  };
  t.is(kindOf(await t.throwsAsync(repository.manifest("v1"))), "corrupt");
  registry.intercept = (_seen, response) => {
    endless(response, content);
    return true;
  };
  t.is(kindOf(await t.throwsAsync(repository.manifest("v1"))), "protocol");
  t.is(kindOf(await t.throwsAsync(repository.manifest("../../etc"))), "reference");
});

const upload = (bytes: Buffer) => ({
  digest: digestOf(bytes),
  size: bytes.length,
  read: (start: number) => Readable.from([bytes.subarray(start)]),
});

test("a small blob is sent in two requests, a large one in pieces", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  const repository = client.open(registry, "a/b:v1", "push");
  for (const bytes of [content, Buffer.alloc(0)]) {
    const sent: number[] = [];
    await repository.upload({ ...upload(bytes), progress: (count) => void sent.push(count) });
    t.true(registry.blobs.get(`a/b@${digestOf(bytes)}`)?.equals(bytes));
    t.is(sent.at(-1), bytes.length);
  }
  t.deepEqual(
    registry.log().map((line) => line.replace(/session-\d+$/, "N")),
    ["POST", "PUT", "POST", "PUT"].map((method) => `${method} a/b/blobs/uploads/${method === "PUT" ? "N" : ""}`),
  );
  await repository.upload(upload(large));
  t.true(registry.blobs.get(`a/b@${digestOf(large)}`)?.equals(large));
  t.is(registry.requests.filter(({ method }) => method === "PATCH").length, 5);
});

test("pieces are as large as the registry demands", async (t) => {
  await using registry = await TestRegistry.start({ leastPiece: 700 << 10 });
  using client = new Client();
  await client.open(registry, "a/b:v1", "push").upload(upload(large));
  t.deepEqual(
    registry.requests.filter(({ method }) => method === "PATCH").map(({ headers }) => headers["content-range"]),
    [`0-${(700 << 10) - 1}`, `${700 << 10}-${large.length - 1}`],
  );
});

test("a broken upload of a large blob goes on where the registry has it", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  let count = 0;
  registry.intercept = ({ method }, response) => {
    if (method !== "PATCH" || ++count !== 3) return false;
    response.destroy();
    return true;
  };
  await client.open(registry, "a/b:v1", "push").upload(upload(large));
  t.true(registry.blobs.get(`a/b@${digestOf(large)}`)?.equals(large));
  const patches = registry.requests
    .filter(({ method }) => method === "PATCH")
    .map(({ headers }) => headers["content-range"]);
  t.is(patches.filter((range) => range === "0-262143").length, 1);
  t.is(patches.filter((range) => range === "524288-786431").length, 2);
  t.deepEqual(registry.requests.filter(({ method }) => method === "GET").length, 1);
});

test("a registry without pieces gets a large blob whole", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  registry.intercept = ({ method }, response) => method === "PATCH" && (refuse(response, 405, "UNSUPPORTED"), true);
  await client.open(registry, "a/b:v1", "push").upload(upload(large));
  t.true(registry.blobs.get(`a/b@${digestOf(large)}`)?.equals(large));
});

for (const [name, end, wanted] of [
  ["fails three times", 3, undefined],
  ["fails for good", 100, "failed"],
] as const) {
  test(`an upload that ${name}`, async (t) => {
    await using registry = await TestRegistry.start();
    using client = new Client();
    let left: number = end;
    registry.intercept = ({ method }, response) =>
      method === "PUT" && left-- > 0 && (refuse(response, 503, "UNAVAILABLE"), true);
    const error = await client
      .open(registry, "a/b:v1", "push")
      .upload(upload(content))
      .catch((failure: unknown) => failure);
    t.is(kindOf(error), wanted);
    t.is(registry.blobs.size, wanted === undefined ? 1 : 0);
  });
}

test("an upload whose source is shorter, longer or broken fails with that, and nothing is stored", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  const repository = client.open(registry, "a/b:v1", "push");
  const broken = new Error("the disk is broken");
  const sources = [
    { read: () => Readable.from([content.subarray(1)]), message: /399999 of 400000/ },
    { read: () => Readable.from([Buffer.concat([content, content])]), message: /more than 400000/ },
    {
      read: () =>
        Readable.from(
          (async function* () {
            yield content.subarray(5);
            throw broken;
          })(),
        ),
      message: /the disk is broken/,
    },
  ];
  for (const { read, message } of sources)
    await t.throwsAsync(repository.upload({ ...upload(content), read }), { message });
  t.is(registry.blobs.size, 0);
});

test("mount takes the blob, or reports that the registry did not and ends the upload that it began", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  const digest = registry.putBlob("base", content);
  const repository = client.open(registry, "a/b:v1", "push");
  t.true(await repository.mount(digest, "base"));
  t.is(await repository.hasBlob(digest), content.length);
  t.false(await repository.mount(digestOf(large), "base"));
  t.is(registry.uploads.size, 0);
  registry.intercept = (_seen, response) => (refuse(response, 403, "DENIED"), true);
  t.false(await repository.mount(digest, "base"));
});

test("putManifest reports what the registry reports, and a digest that differs", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  const repository = client.open(registry, "a/b:v1", "push");
  const bytes = Buffer.from('{"schemaVersion":2}');
  t.is(await repository.putManifest("v1", bytes, "application/vnd.oci.image.manifest.v1+json"), digestOf(bytes));
  registry.intercept = (_seen, response) => (refuse(response, 404, "MANIFEST_BLOB_UNKNOWN"), true);
  const error = await t.throwsAsync(repository.putManifest("v1", bytes, ""), { instanceOf: RegistryError });
  t.true(error.has("MANIFEST_BLOB_UNKNOWN"));
  t.regex(
    error.message,
    /^manifest v1 of localhost:\d+\/a\/b: not found \(404; MANIFEST_BLOB_UNKNOWN: manifest blob unknown\)$/,
  );
  registry.intercept = (_seen, response) => (
    response.writeHead(201, { "docker-content-digest": digestOf(content) }).end(),
    true
  );
  t.is(kindOf(await t.throwsAsync(repository.putManifest("v1", bytes, ""))), "corrupt");
});

test("what a registry reports is printed without control characters, and shortened", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client();
  registry.intercept = (_seen, response) => {
    const errors = Array.from({ length: 1000 }, () => ({ code: "\u001b[31mRED", message: "x".repeat(10_000) }));
    response.writeHead(400).end(JSON.stringify({ errors }));
    return true;
  };
  const error = await t.throwsAsync(client.open(registry).manifest("v1"), { instanceOf: RegistryError });
  t.false(error.message.includes("\u001b"));
  t.true(error.message.length < 5000);
});

test("a kept connection that the registry has closed costs no attempt", async (t) => {
  await using registry = await TestRegistry.start();
  using client = new Client({ timing: { pause: 1_000_000 } });
  registry.putManifest("a/b", "v1", {});
  const repository = client.open(registry);
  for (let count = 0; count < 3; count++) {
    await repository.manifest("v1");
    registry.intercept = (seen, response) => {
      registry.intercept = undefined;
      response.socket?.resetAndDestroy();
      return seen.method === "GET";
    };
  }
  t.is(registry.requests.length, 5);
});

test("the range of a registry that answers it with the whole blob is left to the next source if that is preferred", async (t) => {
  await using registry = await TestRegistry.start();
  await using mirror = await TestRegistry.start();
  const digest = registry.putBlob("a/b", content);
  mirror.putBlob("a/b", content);
  mirror.intercept = (seen, response) => (sendBlob({ ...seen, headers: {} }, response, content), true);
  const conf = `[[registry]]\nlocation = "${registry.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`;
  using client = new Client({ files: { ".config/containers/registries.conf": conf } });
  const range = { size: content.length, start: 10, end: 20 };
  const first = await client.open(registry).blob(digest, range);
  t.deepEqual([first.whole, first.source], [true, `${mirror.host}/a/b`]);
  first.stream.destroy();
  const second = await client.open(registry).blob(digest, { ...range, preferRange: true });
  t.deepEqual([second.whole, second.source], [false, `${registry.host}/a/b`]);
  t.true(content.subarray(10, 20).equals(await bytesOf(second)));
  const third = await client.open(registry).blob(digest, { ...range, without: [first.source] });
  t.is(third.source, second.source);
  third.stream.destroy();
});
