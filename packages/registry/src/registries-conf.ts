import { join } from "node:path";
import { CREDENTIAL_FILES } from "./credentials.ts";
import { type Environment, userFile } from "./environment.ts";
import { RegistryError } from "./errors.ts";
import { isHost } from "./reference.ts";
import { listSettings, readSetting } from "./settings-file.ts";
import { parseToml, Table } from "./toml.ts";

const SYSTEM_FILE = "/etc/containers/registries.conf";

export interface Mirror {
  location: string;
  insecure: boolean;
  use: "all" | "digest-only" | "tag-only";
}

/** A [[registry]] table. */
export interface Rule {
  /** host[:port][/path…], or *.domain. */
  prefix: string;
  /** What replaces the prefix; empty for *.domain without a location. */
  location: string;
  insecure: boolean;
  blocked: boolean;
  mirrors: Mirror[];
}

/** containers-registries.conf(5), version 2. */
export interface RegistriesConf {
  /** By prefix. */
  rules: Map<string, Rule>;
  /** Registries of short names. */
  search: readonly string[];
  /** Full names of short names; an empty one takes an alias back. */
  aliases: Map<string, string>;
  /** Programs to ask for credentials, and CREDENTIAL_FILES. */
  helpers: readonly string[];
}

/**
 * Reads the files that containers/image reads: CONTAINERS_REGISTRIES_CONF, the user's, or the system's, and then what the directories have, where later
 * tables replace earlier ones with the same prefix. Throws RegistryError (configuration).
 */
export function readRegistriesConf(environment: Environment): RegistriesConf {
  const named = environment["CONTAINERS_REGISTRIES_CONF"];
  const own = userFile(environment, "registries.conf");
  const ownContent = named ? undefined : readSetting(own);
  const main = named || (ownContent === undefined ? SYSTEM_FILE : own);
  const content = ownContent ?? readSetting(main);
  if (named && content === undefined) throw new RegistryError("configuration", `${named}: no such file`);
  const directories = [...(ownContent === undefined ? [`${SYSTEM_FILE}.d`] : []), `${own}.d`];
  const conf: RegistriesConf = { rules: new Map(), search: [], aliases: new Map(), helpers: [] };
  if (content !== undefined) merge(conf, content, main);
  for (const directory of directories) {
    for (const name of listSettings(directory) ?? []) {
      const path = join(directory, name);
      const more = name.endsWith(".conf") ? readSetting(path) : undefined;
      if (more !== undefined) merge(conf, more, path);
    }
  }
  if (conf.helpers.length === 0) conf.helpers = [CREDENTIAL_FILES];
  return conf;
}

function merge(conf: RegistriesConf, content: Buffer, path: string): void {
  const table = parseToml(content, path);
  if (table.has("registries"))
    table.fail("version 1 of the format, with [registries.…], is not supported: write [[registry]] tables");
  const rules = new Map<string, Rule>();
  // The first of two with the same prefix in one file counts.
  for (const entry of table.tables("registry")) {
    const rule = ruleOf(entry);
    if (!rules.has(rule.prefix)) rules.set(rule.prefix, rule);
  }
  for (const [prefix, rule] of rules) conf.rules.set(prefix, rule);
  if (table.has("unqualified-search-registries")) {
    conf.search = table.texts("unqualified-search-registries").map((host) => host.replace(/\/+$/, ""));
    if (!conf.search.every(isHost)) table.fail("unqualified-search-registries has an entry that is not host[:port]");
  }
  if (table.has("credential-helpers")) conf.helpers = table.texts("credential-helpers");
  const aliases = table.table("aliases");
  for (const name of aliases?.keys() ?? []) conf.aliases.set(name, aliases?.text(name) ?? "");
}

function ruleOf(entry: Table): Rule {
  const location = locationOf(entry, "location");
  const prefix = locationOf(entry, "prefix") || location;
  if (prefix === "") entry.fail("a [[registry]] has neither prefix nor location");
  const isWildcard = prefix.startsWith("*.");
  if (isWildcard && /[/@:]/.test(prefix)) entry.fail(`prefix "${prefix}": only *.domain is allowed`);
  if (!isWildcard && location === "") entry.fail(`prefix "${prefix}" has no location`);
  if (entry.has("pull-from-mirror")) entry.fail("pull-from-mirror is for mirrors");
  const byDigest = entry.flag("mirror-by-digest-only");
  const mirrors = entry.tables("mirror").map((mirror): Mirror => {
    const use = mirror.text("pull-from-mirror") || (byDigest ? "digest-only" : "all");
    if (byDigest && mirror.has("pull-from-mirror"))
      mirror.fail("pull-from-mirror and mirror-by-digest-only exclude each other");
    if (use !== "all" && use !== "digest-only" && use !== "tag-only") return mirror.fail(`pull-from-mirror = "${use}"`);
    const place = locationOf(mirror, "location");
    if (place === "") mirror.fail("a mirror has no location");
    return { location: place, insecure: mirror.flag("insecure"), use };
  });
  return { prefix, location, insecure: entry.flag("insecure"), blocked: entry.flag("blocked"), mirrors };
}

function locationOf(entry: Table, key: string): string {
  const text = (entry.text(key) ?? "").replace(/\/+$/, "");
  if (/^https?:\/\//.test(text)) entry.fail(`${key} "${text}": a scheme is not allowed`);
  return text;
}
