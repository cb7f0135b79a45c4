import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { ALL_CAPABILITIES, type Endpoint, type Scheme } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { type HostEntry, type HostUrl, parseHostsFile } from "./hosts-file.ts";
import { listSettings, readSetting } from "./settings-file.ts";
import type { Trust } from "./trust.ts";

const FILE = "hosts.toml";
const HUB = "docker.io";
const HUB_HOST = "registry-1.docker.io";

/**
 * Where containerd would ask for an image of a registry, by its directory of registries (`config_path`, `--hosts-dir`): the hosts of hosts.toml in order, last the
 * server. Undefined where that directory has neither the registry nor `_default`. Throws RegistryError (configuration), also where containerd
 * would go on without a file that it cannot read: that file may name the only host that is allowed.
 *
 * @param registry host[:port], as in names of images
 * @param plainHttp reach a registry by http of which the file has no URL
 */
export function endpointsOf(hostsDir: string, registry: string, plainHttp: boolean): Endpoint[] | undefined {
  const port = registry.lastIndexOf(":");
  const escaped = port > 0 ? [`${registry.slice(0, port)}_${registry.slice(port + 1)}_`] : [];
  for (const name of [...escaped, registry, "_default"]) {
    const directory = join(hostsDir, name);
    const names = listSettings(directory);
    if (names === undefined) continue;
    const path = join(directory, FILE);
    const content = readSetting(path);
    const isEmpty = content === undefined || content.length === 0;
    const entries = isEmpty ? [certificateFiles(directory, names)] : parseHostsFile(content, path, directory);
    return entries.map((entry) => endpointOf(entry, registry, plainHttp));
  }
  return undefined;
}

/** docker's files, in a directory without hosts.toml: *.crt are authorities, *.cert with *.key certificates of the client. */
function certificateFiles(directory: string, names: readonly string[]): HostEntry {
  const ca = names.filter((name) => name.endsWith(".crt")).map((name) => join(directory, name));
  const client = names.flatMap((name): [string, string][] => {
    if (!name.endsWith(".cert")) return [];
    const key = name.replace(/cert$/, "key");
    return [[join(directory, name), join(directory, names.includes(key) ? key : name)]];
  });
  const none = { url: undefined, skipVerify: undefined, headers: {}, dialTimeout: undefined };
  return { ...none, capabilities: ALL_CAPABILITIES, ca, client };
}

function endpointOf(entry: HostEntry, registry: string, plainHttp: boolean): Endpoint {
  const { url, headers, skipVerify, dialTimeout } = entry;
  const common = { headers, trust: trustOf(entry), ...(dialTimeout !== undefined && { dialTimeout }) };
  if (url === undefined) {
    const own = { name: registry, host: registry, path: "/v2/", capabilities: ALL_CAPABILITIES };
    return { ...common, ...own, ...defaultSecurity(registry, plainHttp, skipVerify ?? false) };
  }
  const { host, path } = url;
  const isMirror = host !== registry && !(registry === HUB && host === HUB_HOST);
  return {
    ...common,
    name: nameOf(url),
    host,
    path: `${path}/`,
    scheme: schemeOf(entry, url),
    skipsVerification: skipVerify ?? false,
    capabilities: entry.capabilities,
    ...(isMirror && { namespace: registry }),
  };
}

/** Of a registry without a URL: for containerd, one of this machine needs no certificate, and https only at the port of https. */
function defaultSecurity(
  registry: string,
  plainHttp: boolean,
  skipVerify: boolean,
): Pick<Endpoint, "scheme" | "skipsVerification"> {
  const [, port = ""] = /:(\d+)$/.exec(registry) ?? [];
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(registry);
  if (plainHttp || (isLocal && port === "80")) return { scheme: "http", skipsVerification: skipVerify };
  if (!isLocal) return { scheme: "https", skipsVerification: skipVerify };
  return { scheme: port === "" || port === "443" ? "https" : "either", skipsVerification: true };
}

/** With settings of TLS a host is tried by https first, although its URL has http, but not at the port of http. */
function schemeOf({ ca, client, skipVerify }: HostEntry, { scheme, host }: HostUrl): Scheme {
  const hasTls = skipVerify !== undefined || ca.length > 0 || client.length > 0;
  return scheme === "http" && hasTls && !host.endsWith(":80") ? "either" : scheme;
}

function nameOf({ scheme, host, path }: HostUrl): string {
  return `${scheme === "http" ? "http://" : ""}${host}${path === "/v2" ? "" : path}`;
}

/** Throws RegistryError (configuration) for a file that is missing, or without what it should have. */
function trustOf({ ca, client }: HostEntry): Trust {
  const read = (path: string): Buffer => {
    const content = readSetting(path);
    if (content === undefined) throw new RegistryError("configuration", `${path}: no such file`);
    return content;
  };
  const trust: Trust = {
    ca: ca.map(read),
    cert: client.map(([cert]) => read(cert)),
    key: client.map(([, key]) => read(key)),
  };
  for (const [index, content] of trust.ca.entries())
    attempt(`${ca[index]}: not a certificate in PEM`, () => new X509Certificate(content));
  for (const [index, [cert, key]] of client.entries())
    attempt(`${cert}, ${key}: not a certificate and its key in PEM`, () =>
      createSecureContext({ cert: trust.cert[index], key: trust.key[index] }),
    );
  return trust;
}

function attempt(problem: string, work: () => unknown): void {
  try {
    work();
  } catch (cause) {
    throw new RegistryError("configuration", problem, { cause });
  }
}
