/** hosts.toml, read as containerd's documentation (docs/hosts.md) and `parseHostsFile` of its code have it. */
import test, { type ExecutionContext } from "ava";
import { RegistryError } from "./errors.ts";
import { goDuration } from "./go-duration.ts";
import { type HostEntry, parseHostsFile } from "./hosts-file.ts";

const ALL = ["pull", "resolve", "push", "referrers"] as const;
const NONE = { capabilities: ALL, ca: [], client: [], skipVerify: undefined, headers: {}, dialTimeout: undefined };

const parse = (text: string): HostEntry[] => parseHostsFile(Buffer.from(text), "hosts.toml", "/certs.d/example");

function refuses(t: ExecutionContext, text: string, message: RegExp): void {
  const error = t.throws(() => parse(text), { instanceOf: RegistryError, message }, text);
  t.is(error.kind, "configuration");
}

test("hosts are in the order of the file, the server is last, and members at the top are the server's", (t) => {
  const found = parse(`
server = "https://default.registry"
ca = "/etc/path/default"
[header]
  x-custom-1 = "custom header"

[host."https://z.mirror"]
  capabilities = ["pull"]
  ca = "mirror.pem"
  skip_verify = false
  [host."https://z.mirror".header]
    X-Custom-2 = ["value1", "value2"]

[host."https://backup.mirror/us"]
  capabilities = ["Pull", "resolve"]
  skip_verify = true

[host."http://z.mirror"]
[host."https://one.registry"]
  ca = ["/etc/certs/one.pem", "other.pem"]
  client = [["/etc/certs/client.cert", "/etc/certs/client.key"], ["client.pem", ""]]
[host."https://two.registry"]
  client = "/etc/certs/client.pem"
[host."three.registry:5000"]
  client = ["/etc/certs/1.pem", "/etc/certs/2.pem"]
[host."https://other.registry/v2/upstream/"]
  override_path = true
[host."https://root.registry"]
  override_path = true
  unknown = 1
[host."https://header.registry".header]
  x-custom-1 = "just a header"
[host."https://slow.registry"]
  dial_timeout = "1m3.5s"
`);
  const expected: HostEntry[] = [
    {
      ...NONE,
      url: { scheme: "https", host: "z.mirror", path: "/v2" },
      capabilities: ["pull"],
      ca: ["/certs.d/example/mirror.pem"],
      skipVerify: false,
      headers: { "x-custom-2": ["value1", "value2"] },
    },
    {
      ...NONE,
      url: { scheme: "https", host: "backup.mirror", path: "/us/v2" },
      capabilities: ["pull", "resolve"],
      skipVerify: true,
    },
    { ...NONE, url: { scheme: "http", host: "z.mirror", path: "/v2" } },
    {
      ...NONE,
      url: { scheme: "https", host: "one.registry", path: "/v2" },
      ca: ["/etc/certs/one.pem", "/certs.d/example/other.pem"],
      client: [
        ["/etc/certs/client.cert", "/etc/certs/client.key"],
        ["/certs.d/example/client.pem", "/certs.d/example/client.pem"],
      ],
    },
    {
      ...NONE,
      url: { scheme: "https", host: "two.registry", path: "/v2" },
      client: [["/etc/certs/client.pem", "/etc/certs/client.pem"]],
    },
    {
      ...NONE,
      url: { scheme: "https", host: "three.registry:5000", path: "/v2" },
      client: [
        ["/etc/certs/1.pem", "/etc/certs/1.pem"],
        ["/etc/certs/2.pem", "/etc/certs/2.pem"],
      ],
    },
    { ...NONE, url: { scheme: "https", host: "other.registry", path: "/v2/upstream" } },
    { ...NONE, url: { scheme: "https", host: "root.registry", path: "" } },
    {
      ...NONE,
      url: { scheme: "https", host: "header.registry", path: "/v2" },
      headers: { "x-custom-1": ["just a header"] },
    },
    { ...NONE, url: { scheme: "https", host: "slow.registry", path: "/v2" }, dialTimeout: 63_500 },
    {
      ...NONE,
      url: { scheme: "https", host: "default.registry", path: "/v2" },
      ca: ["/etc/path/default"],
      headers: { "x-custom-1": ["custom header"] },
    },
  ];
  t.deepEqual(found, expected);
});

test("without a server the registry itself is the last", (t) => {
  t.deepEqual(parse("# nothing"), [{ ...NONE, url: undefined }]);
  t.deepEqual(
    parse('skip_verify = true\n[host."https://m"]').map(({ url, skipVerify }) => [url?.host, skipVerify]),
    [
      ["m", undefined],
      [undefined, true],
    ],
  );
});

test("what is wrong is an error with the file and the table, or the line; values of headers are in none", (t) => {
  refuses(t, 'server = "a"\n[host', /^hosts\.toml: not TOML: wrong at line 2 column/);
  refuses(t, "server = 1", /^hosts\.toml: server is not a string/);
  refuses(t, "host = 1", /^hosts\.toml: host is not a table/);
  refuses(t, '[host."https://m"]\nca = 1', /^hosts\.toml: "host": "https:\/\/m": ca is not an array of strings/);
  refuses(t, 'capabilities = ["write"]', /unknown capability "write"/);
  refuses(t, 'client = [["a", "b", "c"]]', /client is not a file/);
  refuses(t, 'skip_verify = "yes"', /skip_verify is not a boolean/);
  refuses(t, 'dial_timeout = "soon"', /dial_timeout is "soon"/);
  for (const url of ["ftp://m", "https://user:pass@m", "https://", "https://m m", "https:/m"])
    refuses(t, `server = "${url}"`, /is not http\[s\]:\/\/host/);
  for (const header of ['x = "a\\r\\nb"', '"x y" = "a"', `x = "${"a".repeat(9000)}"`])
    refuses(t, `[header]\n${header}`, /header "x( y)?" has characters that no header may have, or too many$/);
  refuses(t, Array.from({ length: 65 }, (_, index) => `[host."https://m${index}"]`).join("\n"), /more than 64 hosts/);
});

test("durations are those of Go", (t) => {
  const cases = { "0": 0, "1s": 1000, "1h2m3s": 3_723_000, "1.5ms": 1.5, "-2s": -2000, ".5s": 500, "3us": 0.003 };
  for (const [text, expected] of Object.entries(cases)) t.is(goDuration(text), expected, text);
  for (const text of ["", "1", "s", "1 s", "1s ", "1d", "--1s", "1s-2s", "1".repeat(70)])
    t.is(goDuration(text), undefined, text);
});

test("a header may have the name of a member that all objects have", (t) => {
  const [{ headers } = NONE] = parse('[header]\nconstructor = "a"\ntoString = ["b", "c"]');
  t.deepEqual(headers, { constructor: ["a"], tostring: ["b", "c"] });
});
