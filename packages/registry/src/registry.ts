import { MOST_TRIES } from "./attempts.ts";
import { findCredentials } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Environment } from "./environment.ts";
import { Host } from "./host.ts";
import { endpointsOf } from "./hosts-directory.ts";
import type { Access, Reference, RegistryAccess, RegistryOptions } from "./interface.ts";
import { parseReference, referenceOf } from "./reference.ts";
import { readRegistriesConf, type RegistriesConf } from "./registries-conf.ts";
import { Repository } from "./repository.ts";
import { RepositorySource } from "./repository-source.ts";
import { Session } from "./session.ts";
import { resolveShortName, type Source, sourcesOf } from "./sources.ts";

const PAUSE = 500;
const STALL = 30_000;
/** A helper may ask for the password of a keyring. */
const PATIENCE = 120_000;
const PIECES = { from: 64 << 20, size: 16 << 20 };

/** See RegistryAccess. */
export class Registry implements RegistryAccess {
  readonly #options: RegistryOptions;
  readonly #environment: Environment;
  readonly #hosts = new Map<string, Host>();
  readonly #warn: (line: string) => void;
  readonly #endpoints = new Map<string, readonly Endpoint[] | undefined>();
  #conf: RegistriesConf | undefined;

  constructor(options: RegistryOptions = {}) {
    this.#options = options;
    this.#environment = options.environment ?? process.env;
    this.#warn = (line) => options.warn?.(line);
  }

  /** Opens a repository without asking it for anything. Throws RegistryError (reference, configuration, blocked). */
  open(reference: Reference | string, access: Access): Repository {
    this.#conf ??= readRegistriesConf(this.#environment);
    const parsed = typeof reference === "string" ? parseReference(reference) : reference;
    const full = resolveShortName(parsed, this.#conf);
    const { helpers } = this.#conf;
    const actions = access === "push" ? "pull,push" : "pull";
    const { plainHttp = false } = this.#options;
    const endpoints = (registry: string): readonly Endpoint[] | undefined => this.#endpointsOf(registry);
    const sources = sourcesOf(full, access, this.#conf, { plainHttp, endpoints }).map(
      (source, index, { length }) =>
        new RepositorySource(this.#session(source, index === length - 1, helpers), source.repository, actions),
    );
    return new Repository(`${full.host}/${full.repository}`, referenceOf(full), sources, this.#warn);
  }

  [Symbol.dispose](): void {
    for (const host of this.#hosts.values()) host.close();
    this.#hosts.clear();
  }

  /** What hosts.toml has about a registry. It is read once: further repositories are asked likewise. */
  #endpointsOf(registry: string): readonly Endpoint[] | undefined {
    const { hostsDir, plainHttp = false } = this.#options;
    if (hostsDir === undefined) return undefined;
    if (!this.#endpoints.has(registry)) this.#endpoints.set(registry, endpointsOf(hostsDir, registry, plainHttp));
    return this.#endpoints.get(registry);
  }

  #session({ endpoint, repository }: Source, isLast: boolean, helpers: readonly string[]): Session {
    const { timing, pieces = PIECES, authFile, kubeletAuthFile, signal } = this.#options;
    const environment = this.#environment;
    const patience = timing?.helper ?? PATIENCE;
    const { host: name, namespace, skipsVerification, trust } = endpoint;
    const key = JSON.stringify([endpoint.name, namespace, skipsVerification, trust === undefined]);
    const host = this.#hosts.get(key) ?? new Host(endpoint, timing?.stall ?? STALL, environment);
    this.#hosts.set(key, host);
    const credentials = { authFile, kubeletAuthFile, environment, helpers, patience, signal };
    return new Session(host, {
      // containerd goes on with the next host at once; containers/image asks a mirror again.
      tries: trust === undefined || isLast ? MOST_TRIES : 1,
      pieces,
      signal,
      warn: this.#warn,
      pause: timing?.pause ?? PAUSE,
      findCredentials: () => findCredentials(name, repository, credentials),
    });
  }
}
