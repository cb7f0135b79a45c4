import { isAbsolute, join } from "node:path";
import { jsonText } from "@puzzlefs/linux";
import { ALL_CAPABILITIES, type Capability } from "./endpoint.ts";
import { goDuration } from "./go-duration.ts";
import { isHost } from "./reference.ts";
import { parseToml, type Table } from "./toml.ts";

/** Hosts in one file. */
const MOST_HOSTS = 64;
/** Values of headers for one host, and characters in one. */
const MOST_HEADERS = 64;
const LONGEST_HEADER = 8192;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-zA-Z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Go, in which containerd is written, does not send these. */
const OWN_HEADERS = new Set(["host", "content-length", "transfer-encoding", "trailer"]);

/** The URL of a host. */
export interface HostUrl {
  scheme: "http" | "https";
  /** host[:port] */
  host: string;
  /** Of the API, without a slash at its end: "/v2". */
  path: string;
}

/** Where a registry is asked, as hosts.toml has it. Paths of files are absolute. */
export interface HostEntry {
  /** Undefined: the registry itself, without a `server`. */
  url: HostUrl | undefined;
  capabilities: readonly Capability[];
  ca: string[];
  /** Certificates and their keys, which may be in one file. */
  client: [string, string][];
  /** Undefined: the file does not have it. */
  skipVerify: boolean | undefined;
  headers: Record<string, string[]>;
  /** Milliseconds. */
  dialTimeout: number | undefined;
}

/**
 * Parses containerd's hosts.toml: the hosts in the order of the file, and last the server. Unknown members are ignored, as by containerd. Throws RegistryError
 * (configuration).
 *
 * @param directory of the file, in which relative paths begin
 */
export function parseHostsFile(content: Buffer, path: string, directory: string): HostEntry[] {
  const file = parseToml(content, path);
  const hosts = file.table("host");
  const names = hosts?.keys() ?? [];
  if (names.length > MOST_HOSTS) file.fail(`more than ${MOST_HOSTS} hosts`);
  const entries = names.flatMap((name) => {
    const entry = hosts?.table(name);
    return entry === undefined ? [] : [entryOf(entry, name, directory)];
  });
  return [...entries, entryOf(file, file.text("server") ?? "", directory)];
}

function entryOf(table: Table, name: string, directory: string): HostEntry {
  const absolute = (file: string): string => (isAbsolute(file) ? file : join(directory, file));
  const skipVerify = table.has("skip_verify") ? table.flag("skip_verify") : undefined;
  return {
    url: name === "" ? undefined : urlOf(table, name),
    capabilities: capabilitiesOf(table),
    ca: (typeof table.value("ca") === "string" ? [table.text("ca") ?? ""] : table.texts("ca")).map(absolute),
    client: pairsOf(table).map(([cert, key]) => [absolute(cert), absolute(key || cert)]),
    skipVerify,
    headers: headersOf(table),
    dialTimeout: dialTimeoutOf(table),
  };
}

function urlOf(table: Table, name: string): HostUrl {
  const text = name.startsWith("http:") || name.startsWith("https:") ? name : `https://${name}`;
  const [, scheme, host = ""] = /^(https?):\/\/([^/?#]*)/.exec(text) ?? [];
  const url = URL.parse(text);
  if ((scheme !== "http" && scheme !== "https") || url === null || !isHost(host))
    return table.fail(`${jsonText(name)} is not http[s]://host[:port][/path]`);
  const path = url.pathname.replace(/\/{2,}/g, "/").replace(/\/$/, "");
  return { scheme, host, path: path.endsWith("/v2") || table.flag("override_path") ? path : `${path}/v2` };
}

function capabilitiesOf(table: Table): readonly Capability[] {
  const named = table.texts("capabilities").map((name): Capability => {
    const known = ALL_CAPABILITIES.find((capability) => capability === name.toLowerCase());
    return known ?? table.fail(`unknown capability ${jsonText(name)}`);
  });
  return named.length === 0 ? ALL_CAPABILITIES : named;
}

/** One file, an array of files, or of pairs of files. */
function pairsOf(table: Table): [string, string][] {
  const value = table.value("client") ?? [];
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item): [string, string] => {
    if (typeof item === "string") return [item, ""];
    const [cert, key, ...more]: unknown[] = Array.isArray(item) ? item : [];
    if (typeof cert === "string" && typeof key === "string" && more.length === 0) return [cert, key];
    return table.fail("client is not a file, an array of files, or of pairs of files");
  });
}

function headersOf(table: Table): Record<string, string[]> {
  const given = table.table("header");
  const headers = new Map<string, string[]>();
  let count = 0;
  for (const name of given?.keys() ?? []) {
    const value = given?.value(name);
    const values: unknown[] = Array.isArray(value) ? value : [value];
    const isText = (item: unknown): item is string => typeof item === "string";
    if (!values.every(isText)) return table.fail(`header ${jsonText(name)} is not a string or an array of strings`);
    // Their values may be secret, so messages do not have them.
    const isSent = HEADER_NAME.test(name) && values.every((text) => HEADER_VALUE.test(text));
    if (!isSent || values.some((text) => text.length > LONGEST_HEADER))
      return table.fail(`header ${jsonText(name)} has characters that no header may have, or too many`);
    count += values.length;
    if (count > MOST_HEADERS) return table.fail(`more than ${MOST_HEADERS} headers`);
    const key = name.toLowerCase();
    if (!OWN_HEADERS.has(key)) headers.set(key, [...(headers.get(key) ?? []), ...values]);
  }
  return Object.fromEntries(headers);
}

function dialTimeoutOf(table: Table): number | undefined {
  const text = table.text("dial_timeout") ?? "";
  if (text === "") return undefined;
  const milliseconds = goDuration(text);
  if (milliseconds === undefined || milliseconds < 0)
    return table.fail(`dial_timeout is ${jsonText(text)}, not a duration such as "3s"`);
  // For Go's dialer, 0 is no limit.
  return milliseconds === 0 ? undefined : milliseconds;
}
