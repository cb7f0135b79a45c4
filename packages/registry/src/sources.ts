import { type Endpoint, plainEndpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import type { Access, Reference } from "./interface.ts";
import { parseLocation, parseReference } from "./reference.ts";
import type { RegistriesConf, Rule } from "./registries-conf.ts";

/** A repository that may be asked for an image: the one that was named, or a mirror. */
export interface Source {
  endpoint: Endpoint;
  repository: string;
}

export interface SourceOptions {
  plainHttp: boolean;
  /** What hosts.toml has about a registry; undefined: nothing. */
  endpoints(registry: string): readonly Endpoint[] | undefined;
}

/**
 * Where to look for an image, in order. To push there is one source, and neither mirror nor `location` applies, as in podman. Of a registry that hosts.toml has,
 * registries.conf counts only where it blocks.
 */
export function sourcesOf(
  reference: Reference,
  access: Access,
  conf: RegistriesConf,
  { plainHttp, endpoints }: SourceOptions,
): Source[] {
  const { host = "", repository } = reference;
  const name = `${host}/${repository}`;
  const rule = findRule(name, conf);
  if (rule?.blocked === true) throw new RegistryError("blocked", `${name}: registries.conf blocks ${rule.prefix}`);
  const listed = access === "pull" ? endpoints(host) : undefined;
  if (listed !== undefined) return listed.map((endpoint) => ({ endpoint, repository }));
  if (rule === undefined || access === "push")
    return [{ endpoint: plainEndpoint(host, rule?.insecure === true, plainHttp), repository }];
  const mirrors = rule.mirrors.filter(
    ({ use }) => use === "all" || (use === "digest-only") === (reference.digest !== undefined),
  );
  const prefix = matchLength(name, rule.prefix) ?? 0;
  const sources = [...mirrors, rule].flatMap(({ location, insecure }) => {
    const found = location === "" ? name : location + name.slice(prefix);
    // A location has a rule of its own, which may block it; whether it is insecure is for this rule to state.
    if (findRule(found, conf)?.blocked === true) return [];
    const place = parseLocation(found);
    return [{ endpoint: plainEndpoint(place.host, insecure, plainHttp), repository: place.repository }];
  });
  if (sources.length > 0) return sources;
  throw new RegistryError("blocked", `${name}: registries.conf blocks every location`);
}

/** The full name of a short one. Throws RegistryError (reference) unless registries.conf has exactly one. */
export function resolveShortName(reference: Reference, conf: RegistriesConf): Reference {
  if (reference.host !== undefined) return reference;
  const { repository } = reference;
  const alias = conf.aliases.get(repository);
  if (alias) return { ...reference, ...parseLocation(alias) };
  const [only, ...others] = conf.search;
  if (only === undefined || others.length > 0) {
    const why =
      only === undefined
        ? "has no unqualified-search-registries"
        : `has ${conf.search.length} unqualified-search-registries`;
    throw new RegistryError("reference", `${repository}: a short name, and registries.conf ${why}: name the registry`);
  }
  return { ...reference, ...parseLocation(parseable(only, repository)) };
}

/** A host of one word without a port, such as "registry", would be taken for a part of the repository. */
function parseable(host: string, repository: string): string {
  const { host: parsed } = parseReference(`${host}/${repository}`);
  if (parsed !== undefined) return `${host}/${repository}`;
  throw new RegistryError("configuration", `registries.conf: unqualified-search-registries: ${host}: write its port`);
}

/** The rule with the longest prefix of the name. */
function findRule(name: string, { rules }: RegistriesConf): Rule | undefined {
  let found: Rule | undefined;
  for (const rule of rules.values()) {
    const isLonger = found === undefined || rule.prefix.length > found.prefix.length;
    if (isLonger && matchLength(name, rule.prefix) !== undefined) found = rule;
  }
  return found;
}

/**
 * The length of what `prefix` matches at the start of `name`. A prefix ends before "/" or, as in containers/image, ":": one
 * without a port applies to every port.
 */
function matchLength(name: string, prefix: string): number | undefined {
  let end = prefix.length;
  if (prefix.startsWith("*.")) {
    const at = name.indexOf(prefix.slice(1));
    if (at < 0 || name.slice(0, at).includes("/")) return undefined;
    end = at + prefix.length - 1;
  } else if (!name.startsWith(prefix)) return undefined;
  return end === name.length || name[end] === "/" || name[end] === ":" ? end : undefined;
}
